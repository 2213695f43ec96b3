import EverlineService
import Foundation
import GuardianService
import Logging
import Testing

@Suite("The keeper of findings, without a database") struct KeeperTests {
    /// A keeper with a repository of two places.
    struct Place: ~Copyable {
        let root: String
        let settings: Settings

        init() async throws {
            root = NSTemporaryDirectory() + "everline-keeper-\(UUID().uuidString)"
            for name in ["one", "two"] {
                try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
            }
            settings = try await Settings(
                service: "db-guardian", declared: GuardianSettings.all,
                arguments: [
                    "--repository-paths=\(root)/one,\(root)/two", "--repository-encryption", "off", "--drill-folder", "/var/tmp",
                ],
                environment: ["EVERLINE_HOME": root])
        }
        deinit { try? FileManager.default.removeItem(atPath: root) }

        func keeper() throws -> FindingKeeper {
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            return try FindingKeeper(settings, store: nil, telling: Telling(settings, pool: nil, logger: logger), logger: logger)
        }
        func journals() throws -> [Journal] { try JournalBook(settings).journals }
    }

    static let start = Date(timeIntervalSince1970: 1_795_478_400.123)

    static func alarm(_ cause: String, after seconds: Double = 0, destroyed: Bool = false) -> Alarm {
        Alarm(
            rule: "mass-drop", severity: .critical, at: start + seconds, role: "postgres", object: "everline.messages",
            statement: "DROP TABLE everline.messages",
            evidence: ["everline.json:\(7 + Int((seconds * 1_000).rounded()))"], advice: "look", cause: cause,
            destroyed: destroyed)
    }

    @Test("a finding is in each journal when the alarm was taken, with the command for just before the first destruction")
    func journalled() async throws {
        let place = try await Place()
        let keeper = try place.keeper()
        await keeper.raise(Self.alarm("a", after: 5, destroyed: true))
        for journal in try place.journals() {
            let entries = try journal.entries()
            guard entries.count == 1, case .finding(let finding) = entries[0].event else {
                return #expect(Bool(false), "\(entries)")
            }
            let command = try #require(finding.advice.split(separator: "\n").last)
            #expect(
                command.hasSuffix("--at 2026-11-24T00:00:05.122Z") && command.contains(" restore ")
                    && command.contains("--to /var/tmp/everline-before-"))
            #expect(finding.advice.hasPrefix("look\n") && finding.destroyedAt == "2026-11-24T00:00:05.123Z")
        }
    }

    @Test("what no record tells of happened some time before it was seen")
    func unrecorded() async throws {
        let place = try await Place()
        let advice = try RestoreAdvice(place.settings)
        #expect(
            advice.command(before: "2026-11-24T00:01:00.000Z", isRecorded: false)?.hasSuffix("--at 2026-11-24T00:00:00.000Z")
                == true)
        #expect(advice.command(before: "2026-11-24T00:01:00.000Z")?.hasSuffix("--at 2026-11-24T00:00:59.999Z") == true)
        #expect(advice.command(before: "never") == nil)
    }

    @Test("the count is written once a second, however fast it rises, and not lost at the end")
    func counts() async throws {
        let place = try await Place()
        let keeper = try place.keeper()
        let begun = ContinuousClock.now
        let running = Task { try await keeper.run() }
        for number in 0..<500 { await keeper.raise(Self.alarm("a", after: Double(number) / 1_000)) }
        running.cancel()
        _ = await running.result
        let entries = try place.journals()[0].entries()
        // The first, one a second, and the last; however long it took.
        #expect(entries.count <= 3 + Int((ContinuousClock.now - begun) / .seconds(1)))
        guard case .finding(let last)? = entries.last?.event else { return #expect(Bool(false)) }
        #expect(last.count == 500)
        #expect(try place.journals()[1].verify().ok)
    }

    @Test("after a restart the same cause is the same finding; after an acknowledgement it is a new one")
    func restarts() async throws {
        let place = try await Place()
        let now = Date()
        func alarm() -> Alarm {
            var alarm = Self.alarm("a")
            alarm.at = now
            return alarm
        }
        await (try place.keeper()).raise(alarm())
        let keeper = try place.keeper()
        let running = Task { try await keeper.run() }
        // Until it has looked through the journal.
        while await !keeper.isResumed { await Task.yield() }
        await keeper.raise(alarm())
        let findings = try JournalBook(place.settings).findings()
        #expect(findings.count == 1)
        _ = try JournalBook(place.settings).append([
            .acknowledged(id: findings[0].id, Acknowledgement(at: "2026-11-24T00:00:00.000Z", by: "杜甫", note: "看過了"))
        ])
        while await keeper.isOpen(findings[0].id) { await Task.yield() }
        await keeper.raise(alarm())
        running.cancel()
        _ = await running.result
        let all = try JournalBook(place.settings).findings()
        #expect(all.count == 2 && all.filter { $0.acknowledgement?.note == "看過了" }.count == 1)
    }

    @Test("a journal that cannot be written keeps nothing from the other, and gets it later")
    func oneAway() async throws {
        let place = try await Place()
        let keeper = try place.keeper()
        try FileManager.default.moveItem(atPath: "\(place.root)/two", toPath: "\(place.root)/away")
        await keeper.raise(Self.alarm("a"))
        #expect(try place.journals()[0].entries().count == 1)
        try FileManager.default.moveItem(atPath: "\(place.root)/away", toPath: "\(place.root)/two")
        await keeper.raise(Self.alarm("b"))
        #expect(try place.journals()[1].entries().count == 2)
    }

    @Test("a journal that was cut is a finding itself")
    func cut() async throws {
        let place = try await Place()
        let keeper = try place.keeper()
        for cause in ["a", "b", "c"] { await keeper.raise(Self.alarm(cause)) }
        let file = "\(place.root)/one/journal/findings.jsonl"
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        try (lines.dropLast().joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        await keeper.raise(Self.alarm("d"))
        let findings = try JournalBook(place.settings).findings()
        #expect(findings.contains { $0.rule == "audit-silence" && $0.object == "journal" && $0.severity == .critical })
        #expect(findings.contains { $0.cause == "d" })
    }
}

import Foundation
import GuardianService
import Testing

@Suite("Alarms become findings") struct GatheringTests {
    static let start = Date(timeIntervalSince1970: 1_795_478_400)

    func alarm(
        _ rule: String = "mass-drop", cause: String = "李白", after seconds: Double = 0, _ severity: Severity = .high,
        destroyed: Bool = false, evidence: String = "everline.json:1"
    ) -> Alarm {
        Alarm(
            rule: rule, severity: severity, at: Self.start + seconds, role: "postgres", statement: "DROP TABLE t",
            evidence: [evidence], advice: "look",
            cause: cause, destroyed: destroyed)
    }

    @Test("a record that is told again, because the watch was killed before it had kept that it was, is not counted again")
    func same() {
        var gathering = Gathering(window: 600)
        guard case .new = gathering.take(alarm(), random: [1]), case .same = gathering.take(alarm(), random: [2]),
            case .more(let finding) = gathering.take(alarm(after: 1, evidence: "everline.json:2"), random: [3])
        else { return #expect(Bool(false)) }
        #expect(finding.count == 2)
        // What has no place in the log may happen any number of times.
        var other = Gathering(window: 600)
        guard case .new = other.take(alarm(evidence: "five rows"), random: [1]),
            case .more = other.take(alarm(evidence: "five rows"), random: [2])
        else { return #expect(Bool(false)) }
    }

    @Test("the same cause within the window is one finding with a count; another cause, another rule or a later time is another")
    func gathers() {
        var gathering = Gathering(window: 600)
        guard case .new(let first) = gathering.take(alarm(), random: [1]) else { return #expect(Bool(false)) }
        guard case .more(let second) = gathering.take(alarm(after: 599, evidence: "everline.json:2"), random: [2]) else {
            return #expect(Bool(false))
        }
        #expect(second.id == first.id && second.count == 2 && second.at == first.at && second.lastAt > first.lastAt)
        #expect(second.evidence == ["everline.json:1", "everline.json:2"])
        guard case .new(let other) = gathering.take(alarm(cause: "杜甫", after: 1), random: [3]) else {
            return #expect(Bool(false))
        }
        guard case .new = gathering.take(alarm("over-grant", after: 1), random: [4]) else { return #expect(Bool(false)) }
        #expect(other.id != first.id)
        guard case .new(let later) = gathering.take(alarm(after: 599 + 601), random: [5]) else { return #expect(Bool(false)) }
        #expect(later.count == 1)
    }

    @Test("a clock that was set back changes nothing about that")
    func clockSetBack() {
        var gathering = Gathering(window: 600)
        _ = gathering.take(alarm(after: 300), random: [1])
        guard case .more(let finding) = gathering.take(alarm(after: 0), random: [2]) else { return #expect(Bool(false)) }
        #expect(finding.at < finding.lastAt)
    }

    @Test("what gets worse is told again; a finding that was acknowledged takes no more")
    func worse() {
        var gathering = Gathering(window: 600)
        guard case .new(let first) = gathering.take(alarm(.init("mass-drop"), after: 0, .medium), random: [1]) else {
            return #expect(Bool(false))
        }
        guard case .worse(let second) = gathering.take(alarm(after: 1, .critical), random: [2]) else {
            return #expect(Bool(false))
        }
        #expect(second.severity == .critical && second.id == first.id)
        guard case .worse(let third) = gathering.take(alarm(after: 2, .low, destroyed: true), random: [3]) else {
            return #expect(Bool(false))
        }
        #expect(third.severity == .critical && third.destroyedAt == "2026-11-24T00:00:02.000Z")
        guard case .more(let fourth) = gathering.take(alarm(after: 3, .low, destroyed: true), random: [4]) else {
            return #expect(Bool(false))
        }
        #expect(fourth.destroyedAt == third.destroyedAt)
        gathering.acknowledge(first.id)
        guard case .new = gathering.take(alarm(after: 4), random: [5]) else { return #expect(Bool(false)) }
    }

    @Test("what another guardian has found of the same cause goes on as that finding; one's own is not set back")
    func adopted() {
        var other = Gathering(window: 600)
        guard case .new(let theirs) = other.take(alarm(), random: [1]) else { return #expect(Bool(false)) }
        var gathering = Gathering(window: 600)
        gathering.adopt(theirs, first: Self.start, last: Self.start)
        guard case .same = gathering.take(alarm(), random: [2]),
            case .more(let more) = gathering.take(alarm(after: 1, evidence: "everline.json:2"), random: [3])
        else { return #expect(Bool(false)) }
        #expect(more.id == theirs.id && more.count == 2)
        gathering.adopt(theirs, first: Self.start, last: Self.start)
        guard case .more(let third) = gathering.take(alarm(after: 2, evidence: "everline.json:3"), random: [4]) else {
            return #expect(Bool(false))
        }
        #expect(third.count == 3)
    }

    @Test("what has come while the journal was read is not set back by what stood there")
    func resumed() {
        var gathering = Gathering(window: 600)
        guard case .new(let written) = gathering.take(alarm(), random: [1]),
            case .more = gathering.take(alarm(after: 1, evidence: "everline.json:2"), random: [2])
        else { return #expect(Bool(false)) }
        gathering.resume(written, first: Self.start, last: Self.start)
        guard case .more(let more) = gathering.take(alarm(after: 2, evidence: "everline.json:3"), random: [3]) else {
            return #expect(Bool(false))
        }
        #expect(more.id == written.id && more.count == 3)
    }

    @Test("a flood of causes is bounded, and of one rule only")
    func flood() {
        var gathering = Gathering(window: 600)
        var new = 0
        for number in 0..<10_000 { if case .new = gathering.take(alarm(cause: "\(number)"), random: [1]) { new += 1 } }
        #expect(new == Gathering.mostOpen + 1)
        guard case .new = gathering.take(alarm("over-grant"), random: [1]) else { return #expect(Bool(false)) }
        // What is over makes room.
        guard case .new(let later) = gathering.take(alarm(cause: "later", after: 2_000), random: [1]) else {
            return #expect(Bool(false))
        }
        #expect(later.cause == "later")
    }

    @Test("a finding holds neither data nor a password, and fits a column")
    func clean() throws {
        let finding = Finding(
            Alarm(
                rule: "password-change", severity: .high, at: Self.start, role: "a\0b",
                statement: "ALTER ROLE x PASSWORD 'hunter2'",
                evidence: ["line: password=hunter2"] + (0..<50).map { "\($0)" }, advice: "see SCRAM-SHA-256$4096:salt$a:b",
                cause: "x"), id: "1")
        let json = String(decoding: try FindingLine(finding).json(), as: UTF8.self)
        #expect(!json.contains("hunter2") && !json.contains("4096") && finding.evidence.count == 20 && finding.role == "a␀b")
        let long = Finding(
            Alarm(
                rule: "x", severity: .low, at: Self.start, statement: "DROP TABLE " + String(repeating: "床", count: 90_000),
                evidence: [], advice: "", cause: ""), id: "1")
        #expect((long.statement ?? "").count <= 2_001)
    }
}

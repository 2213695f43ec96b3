import EverlineCryptography
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging
import Metrics

/// Takes alarms, makes findings of them, and sees to it that they are journalled at once, stored, and told. Never throws and never waits for the database or
/// for whoever is told.
package actor FindingKeeper: AlarmSink {
    private var gathering: Gathering
    private let book: JournalBook
    private let store: FindingStore?
    private let advice: RestoreAdvice
    private let telling: Telling
    private let logger: Logger
    /// Findings whose count has risen since it was last written; written once a second, however fast it rises.
    private var risen: [String: Finding] = [:]
    /// Findings that the database lacks and no journal has; bounded.
    private var unstored: [String: Finding] = [:]
    /// What the database has not been told of audited statements.
    private var statements = StatementCounts()
    /// The database is to be brought up to the journal.
    private var isBehind = true
    private var isStoreWell = true
    /// Up to which entry the first journal has been looked through for what others wrote.
    private var seen: Int64 = 0

    private static let turn = Duration.seconds(1)
    private static let mostUnstored = 10_000

    /// - Parameter store: nil where there is no database to store in.
    package init(_ settings: Settings, store: FindingStore?, telling: Telling, logger: Logger) throws {
        gathering = Gathering(window: Double(try settings.int("audit.window", in: 1...86_400)))
        book = try JournalBook(settings)
        advice = try RestoreAdvice(settings)
        self.store = store
        self.telling = telling
        self.logger = logger
        // From zero on: an alert on an increase does not see the first of a series that begins at one.
        for rule in RuleTable.all {
            _ = Counter(
                label: "everline_guardian_findings_total", dimensions: [("rule", rule.id), ("severity", rule.severity.rawValue)])
        }
    }

    package func raise(_ alarm: Alarm) async {
        let random = (try? SecureRandom.bytes(4)) ?? Array("\(alarm.hashValue)".utf8.suffix(4))
        Counter(
            label: "everline_guardian_alarms_total", dimensions: [("rule", alarm.rule), ("severity", alarm.severity.rawValue)]
        ).increment()
        switch gathering.take(alarm, random: random) {
        case .same: break
        case .more(let finding): risen[finding.id] = advice.added(to: finding)
        case .new(let finding), .worse(let finding):
            let finding = advice.added(to: finding)
            gathering.keep(finding)
            risen[finding.id] = nil
            await record(finding)
        }
    }

    package func count(_ statements: StatementCounts) { self.statements.add(statements) }

    /// Looks after what was left over, until the task is cancelled; then writes what has not been written.
    package func run() async throws {
        await resume()
        isResumed = true
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.turn) } catch { break }
            await flush()
        }
        // The task is cancelled, and this is short.
        await Task { await flush() }.value
        throw CancellationError()
    }

    /// Whether what was before the start has been looked through.
    package private(set) var isResumed = false
    /// Whether a finding takes further occurrences.
    package func isOpen(_ id: String) -> Bool { gathering.isOpen(id) }

    // MARK: Writing

    private func record(_ finding: Finding) async {
        Counter(
            label: "everline_guardian_findings_total",
            dimensions: [("rule", finding.rule), ("severity", finding.severity.rawValue)]
        ).increment()
        telling.log(finding)
        await write([.finding(finding)], [finding])
        await telling.tell(finding)
    }

    private func flush() async {
        await lookForOthers()
        let findings = risen.values.sorted { $0.id < $1.id }
        risen = [:]
        if !findings.isEmpty || book.lacks { await write(findings.map { .finding($0) }, findings) }
        if isBehind { await catchUp() }
        await flushStatements()
    }

    private func flushStatements() async {
        guard let store, isStoreWell, !statements.isEmpty else { return }
        let counted = statements
        statements = StatementCounts()
        do { try await store.add(counted) } catch { statements.add(counted) }
    }

    private func write(_ events: [JournalEvent], _ findings: [Finding]) async {
        let book = book
        let outcome = await Self.onThread { book.append(events) }
        for error in outcome.errors { logger.error("the journal of findings cannot be written", metadata: ["error": "\(error)"]) }
        Gauge(label: "everline_guardian_journal_lacks").record(book.lacks ? 1 : 0)
        // What others wrote in between is looked at in its turn.
        if let (number, end) = outcome.first, number == seen + 1 { seen = end.number }
        await keep(findings, outcome)
        for what in outcome.tampered { await raise(Self.tampered(what)) }
    }

    private func keep(_ findings: [Finding], _ outcome: JournalBook.Outcome) async {
        guard let store else { return }
        do {
            for finding in findings { try await store.put(finding) }
            if let (number, end) = outcome.first, try await !store.advance(from: number - 1, to: end.number, code: end.code) {
                isBehind = true
            }
            isStoreWell = true
        } catch {
            isBehind = true
            // What no journal has is kept here.
            if !outcome.isWritten {
                for finding in findings where unstored.count < Self.mostUnstored || unstored[finding.id] != nil {
                    unstored[finding.id] = finding
                }
            }
            if isStoreWell { logger.warning("findings wait for the database", metadata: ["error": "\(error)"]) }
            isStoreWell = false
        }
    }

    /// Brings the database up to the first journal: after it was away, and after it was turned back by a restore.
    private func catchUp() async {
        guard let store else { return isBehind = false }
        do {
            for finding in unstored.values { try await store.put(finding) }
            unstored = [:]
            guard let journal = book.journals.first else { return isBehind = false }
            let anchor = try await store.anchor()
            let entries = try await Self.throwingOnThread { try journal.entries(after: anchor.number) }
            for entry in entries { try await store.apply(entry.event) }
            if let last = entries.last { _ = try await store.advance(from: anchor.number, to: last.number, code: last.code) }
            isBehind = false
            isStoreWell = true
        } catch {
            if isStoreWell { logger.warning("findings wait for the database", metadata: ["error": "\(error)"]) }
            isStoreWell = false
        }
    }

    // MARK: What was before, and what others do

    /// Findings of before a restart go on; a journal that was changed meanwhile is told of.
    private func resume() async {
        guard let journal = book.journals.first else { return }
        do {
            let anchor = try? await store?.anchor()
            let report = try await Self.throwingOnThread { try journal.verify(known: anchor) }
            for problem in report.news.prefix(3) { await raise(Self.tampered("\(report.journal): \(problem.words)")) }
            if let first = report.news.first { await write([.tampered(first.words)], []) }
            let findings = try await Self.throwingOnThread { try journal.entries() }
            seen = findings.last?.number ?? 0
            for finding in JournalBook.fold(findings) {
                if let (first, last) = times(of: finding) { gathering.resume(finding, first: first, last: last) }
            }
        } catch {
            logger.error("the journal of findings cannot be read", metadata: ["error": "\(error)"])
        }
        if let store { await telling.resume(store) }
    }

    /// When it was first and last seen, if it may go on.
    private func times(of finding: Finding) -> (first: Date, last: Date)? {
        guard finding.acknowledgement == nil, let first = Timestamp(finding.at)?.date, let last = Timestamp(finding.lastAt)?.date,
            Date().timeIntervalSince(last) < gathering.window
        else { return nil }
        return (first, last)
    }

    /// Somebody at the prompt may have acknowledged a finding: what comes after that is a new one. Another guardian, whose watch this one takes over, may have
    /// made some.
    private func lookForOthers() async {
        guard let journal = book.journals.first, let end = try? journal.end(), end.number > seen else { return }
        let from = seen
        guard let entries = try? await Self.throwingOnThread({ try journal.entries(after: from) }) else { return }
        seen = max(seen, end.number)
        isBehind = true
        for entry in entries {
            switch entry.event {
            case .acknowledged(let id, _):
                gathering.acknowledge(id)
                risen[id] = nil
            case .finding(let finding):
                if let (first, last) = times(of: finding) { gathering.adopt(finding, first: first, last: last) }
            case .tampered, .hardened: break
            }
        }
    }

    private static func tampered(_ what: String) -> Alarm {
        Alarm(
            rule: "audit-silence", severity: .critical, at: Date(), object: "journal", evidence: [what],
            advice:
                "Somebody has changed the journal of findings. Compare it with the other repositories and with what was told (db-guardian audit verify-journal).",
            cause: "journal: \(what)")
    }

    private static func onThread<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
        await withTaskExecutorPreference(FileThread.shared) { await Self.off(body) }
    }
    private static func throwingOnThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withTaskExecutorPreference(FileThread.shared) { try await Self.off(body) }
    }
    /// Runs where the task prefers to, not on the actor.
    @concurrent private static func off<R: Sendable, E: Error>(_ body: @Sendable () throws(E) -> R) async throws(E) -> R {
        try body()
    }
}

extension Timestamp {
    var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1_000) }
}

extension JournalReport.Problem {
    package var words: String {
        [line.map { "line \($0)" }, entry.map { "entry \($0)" }, problem].compactMap(\.self).joined(separator: ": ")
    }
}

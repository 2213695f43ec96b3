/// The server fell.
struct Crash: Rule {
    static let definition = RuleDefinition(
        id: "crash", severity: .high, description: "PANIC, a server process killed by a signal, or recovery after a crash.",
        normal: "A stop and a start in good order.",
        advice: "See the log around it; check the disk and the memory; run a drill.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    private static let signs = [
        "was terminated by signal", "terminating any other active server processes", "database system was interrupted",
        "database system was not properly shut down",
        "all server processes terminated; reinitializing",
    ]

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        guard record.audit == nil else { return [] }
        let isOne =
            record.severity == .panic
            || (record.backend == "postmaster" || record.backend == "startup")
                && Self.signs.contains(where: record.message.contains)
        // The archiver is stopped by a signal when its command is (manual 26.3.1); archive-stall judges that.
        guard isOne, !record.message.hasPrefix("archiver process") else { return [] }
        return [
            alarm(
                &sight, severity: record.severity == .panic ? .critical : nil, object: "server", cause: "crash",
                evidence: [record.message])
        ]
    }
}

/// Data is damaged on the disk.
struct Corruption: Rule {
    static let definition = RuleDefinition(
        id: "corruption", severity: .critical, description: "Wrong checksums, damaged pages or indexes (XX001, XX002).",
        normal: "Errors of statements.",
        advice: "Stop writing, make a copy of the files, restore the newest proven backup beside it, and look at the disk.",
        thresholds: [])
    private var failures: Int64?

    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        guard record.audit == nil, record.severity != .log else { return [] }
        // A state may be anybody's: RAISE takes any. The text of a damaged page is the server's own.
        let isOne =
            record.state == "XX001" || record.state == "XX002" || record.message.hasPrefix("page verification failed")
            || record.message.hasPrefix("invalid page in block") || record.message.hasPrefix("could not read block")
        guard isOne else { return [] }
        return [alarm(&sight, object: record.message, cause: "pages", evidence: [record.message])]
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .activity(let activity) = event else { return [] }
        defer { failures = activity.checksumFailures }
        guard let failures, activity.checksumFailures > failures else { return [] }
        return [
            alarm(
                scene, object: "pages",
                evidence: ["pg_stat_database: \(activity.checksumFailures - failures) more pages with a wrong checksum"],
                cause: "pages")
        ]
    }
}

/// The archive falls behind.
struct ArchiveStall: Rule {
    static let definition = RuleDefinition(
        id: "archive-stall", severity: .high, description: "WAL waits to be archived, or archiving fails again and again.",
        normal: "A segment or two on their way; a failure or two while the repository is busy.",
        advice: "`db-guardian wal status` says why; until it goes on, pg_wal grows and what is new is in no backup.",
        thresholds: [
            .init(name: "seconds", value: 300, meaning: "age of the oldest segment that waits"),
            .init(name: "segments", value: 64, meaning: "segments that wait"),
            .init(name: "failures", value: 5, meaning: "failures in a row"),
        ])
    static let lasts = true
    private let seconds: Double
    private let segments: Int64
    private let failures: Int64
    /// The count of failures when the last success was.
    private var base: Int64?

    init(_ thresholds: Thresholds) {
        seconds = thresholds.number("seconds")
        segments = Int64(thresholds.number("segments"))
        failures = Int64(thresholds.number("failures"))
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .activity(let activity) = event else { return [] }
        if !activity.archiveFailing || base == nil { base = activity.archiveFailures }
        let inARow = activity.archiveFailures - (base ?? 0)
        var why: [String] = []
        if activity.archiveWaitingSeconds >= seconds {
            why.append("a segment has waited \(Int(activity.archiveWaitingSeconds)) s to be archived")
        }
        if activity.archiveWaiting >= segments { why.append("\(activity.archiveWaiting) segments wait to be archived") }
        if inARow >= failures { why.append("archiving has failed \(inARow) times in a row") }
        return why.isEmpty ? [] : [alarm(scene, object: "archive", evidence: why, cause: "archive")]
    }
}

/// The repository as the rules ask of it.
package struct RepositoryState: Sendable {
    package struct Backup: Sendable {
        package var id: String
        package var kind: String
        package var milliseconds: Int64
        package var seconds: Double
        package var bytes: Int

        package init(id: String, kind: String, milliseconds: Int64, seconds: Double, bytes: Int) {
            self.id = id
            self.kind = kind
            self.milliseconds = milliseconds
            self.seconds = seconds
            self.bytes = bytes
        }
    }
    package var backups: [Backup] = []
    /// When the newest proof of any backup was, in milliseconds.
    package var proven: Int64?

    package init(backups: [Backup] = [], proven: Int64? = nil) {
        self.backups = backups
        self.proven = proven
    }
}

/// A backup unlike those before it.
struct BackupShape: Rule {
    static let definition = RuleDefinition(
        id: "backup-shape", severity: .medium, description: "A backup's size or time is out of line with the ten before it.",
        normal: "Growth; the first backups of a kind.",
        advice:
            "A backup that is suddenly small may be of an emptied database: compare the ledgers before the old ones are pruned.",
        thresholds: [
            .init(name: "known", value: 4, meaning: "backups of a kind before there is a line"),
            .init(name: "smaller", value: 0.6, meaning: "part of the median size below which it is small"),
            .init(name: "larger", value: 3, meaning: "times the median size above which it is large"),
            .init(name: "longer", value: 10, meaning: "times the median time above which it is slow, from a minute on"),
        ])
    private let known: Int
    private let smaller: Double
    private let larger: Double
    private let longer: Double
    private var judged: Set<String> = []

    init(_ thresholds: Thresholds) {
        known = thresholds.count("known")
        smaller = thresholds.number("smaller")
        larger = thresholds.number("larger")
        longer = thresholds.number("longer")
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .repository(let state) = event else { return [] }
        var alarms: [Alarm] = []
        for kind in Set(state.backups.map(\.kind)).sorted() {
            let all = state.backups.filter { $0.kind == kind }.sorted { $0.milliseconds < $1.milliseconds }
            guard let newest = all.last, all.count > known, judged.insert(newest.id).inserted else { continue }
            let before = all.dropLast().suffix(10)
            let bytes = before.map { Double($0.bytes) }.sorted()[before.count / 2]
            let seconds = before.map(\.seconds).sorted()[before.count / 2]
            var why: [String] = []
            if Double(newest.bytes) < bytes * smaller {
                why.append("\(newest.id) has \(newest.bytes) bytes, the median of \(before.count) is \(Int(bytes))")
            }
            if Double(newest.bytes) > bytes * larger {
                why.append("\(newest.id) has \(newest.bytes) bytes, the median of \(before.count) is \(Int(bytes))")
            }
            if newest.seconds > max(60, seconds * longer) {
                why.append("\(newest.id) took \(Int(newest.seconds)) s, the median is \(Int(seconds)) s")
            }
            if !why.isEmpty { alarms.append(alarm(scene, object: newest.id, evidence: why, cause: newest.id)) }
        }
        if judged.count > 1_000 { judged = Set(state.backups.map(\.id)) }
        return alarms
    }
}

/// Nothing has been proven for long.
struct DrillOverdue: Rule {
    static let definition = RuleDefinition(
        id: "drill-overdue", severity: .medium, description: "No backup has been proven by a restore within seven days.",
        normal: "The first week after the first backup.",
        advice: "`db-guardian drill`, and see why the schedule did not.",
        thresholds: [.init(name: "days", value: 8, meaning: "days since the last proof")])
    static let lasts = true
    private let span: Int64

    init(_ thresholds: Thresholds) { span = Int64(thresholds.number("days") * 86_400_000) }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .repository(let state) = event, let since = state.proven ?? state.backups.map(\.milliseconds).min(),
            scene.now - since > span
        else { return [] }
        return [
            alarm(
                scene, object: "drill", evidence: ["the last proof is \((scene.now - since) / 86_400_000) days old"],
                cause: "drill")
        ]
    }
}

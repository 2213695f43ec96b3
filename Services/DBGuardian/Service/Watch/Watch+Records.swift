import Foundation
import Metrics

extension Watch {
    /// Statements without any of these say nothing to the rules that ask about reading.
    private static let needles = Needles([
        "message", "users", "sessions", "login_log", "authid", "shadow", "rolpass", "copy", "pg_read", "pg_ls", "pg_stat_f",
        "lo_", "pg_file",
        "set_config", "slot", "raw_page", "fdw", "u&", "pg_settings", "pg_stat_statements_reset", "insert", "update", "delete",
        "merge", "pg_stat_reset", "pg_stats", "pg_statistic", "setval", "nextval",
    ])

    /// - Returns: how many lines came, and whether there may be more at once.
    func follow() async throws -> (lines: Int, more: Bool) {
        let news = try await source.read(follower.marks)
        if news.pieces.isEmpty, news.gone.isEmpty { return (0, false) }
        var lines = 0
        let (irregularities, more) = follower.take(news) { line, place, position in
            lines += 1
            judge(line, place, isPast: state.past.map { $0.file == place.file && position < $0.size } ?? false)
        }
        for one in irregularities { silence(one) }
        Counter(label: "everline_guardian_log_lines_total").increment(by: lines)
        return (lines, more)
    }

    /// - Parameter isPast: whether it was written before the watch began, and is read only to know who is connected.
    private func judge(_ line: UnsafeBufferPointer<UInt8>, _ place: LogPlace, isPast: Bool) {
        if line.isEmpty { return }
        let (outcome, serial) = parser.parse(line, at: place)
        var statement: Int?
        if case .record(let record) = outcome { statement = record.audit?.statementID }
        if let serial, let gap = serials.see(serial, statement: statement), !isPast {
            let what = gap.isStatement ? "statements" : "lines"
            tell(
                .silence(
                    object: "process \(gap.session.process)",
                    words: "\(what) \(gap.before + 1) to \(gap.after - 1) of process \(gap.session.process) lack in the log",
                    evidence: ["\(place.file):\(place.line)"], certain: true))
        }
        switch outcome {
        case .ignored: break
        case .forged:
            tell(
                .silence(
                    object: place.file, words: "a line that looks like a record of pgAudit's was written by a statement",
                    evidence: ["\(place.file):\(place.line)"], certain: true))
        case .unreadable:
            Counter(label: "everline_guardian_log_unreadable_lines_total").increment()
            if !isPast {
                tell(
                    .silence(
                        object: place.file, words: "a line of the log cannot be read", evidence: ["\(place.file):\(place.line)"],
                        certain: false))
            }
        case .record(let record): judge(record, isPast: isPast)
        }
    }

    private func judge(_ given: LogRecord, isPast: Bool) {
        var record = given
        var sight = RecordSight(record: record, errand: nil, isSuperuser: scene.superusers.contains(record.role))
        if let audit = record.audit {
            count(audit.kind)
            if let lag = canary.see(record) {
                Gauge(label: "everline_guardian_watch_lag_seconds").record(
                    Double(lag.components.attoseconds) / 1e18 + Double(lag.components.seconds))
                return
            }
            if isPast { return }
            statements.add(class: audit.kind, role: record.role, at: record.at)
            if sight.isSuperuser { recorded.add(record.role, sight.statement, isRedacted: audit.isRedacted) }
            if isDull(record, audit) { return }
        } else {
            follow(&record)
            sight.record = record
            if isPast { return }
        }
        let errand = excuse(verb(record.application, record.session), record)
        sight.errand = errand
        if let audit = record.audit, Deeds.isOne(audit) {
            deeds.add(record, errand: errand, sight.statement)
            soon("catalogue")
            if record.database != scene.database { soon("database \(record.database)") }
        }
        for index in rules.indices {
            let alarms = rules[index].see(&sight, scene)
            if !alarms.isEmpty { raise(alarms) }
        }
        learn(record, errand: errand)
    }

    /// A verb excuses only what is of its kind: somebody may have borrowed its name.
    private func excuse(_ verb: String?, _ record: LogRecord) -> String? {
        guard let verb, let audit = record.audit, !Errands.changing.contains(verb) else { return verb }
        if Errands.reading.contains(verb), audit.kind == "WRITE" { return nil }
        return Deeds.isOne(audit) || audit.kind == "ROLE" || audit.kind == "DDL" ? nil : verb
    }

    private func isDull(_ record: LogRecord, _ audit: AuditRecord) -> Bool {
        switch audit.kind {
        case "FUNCTION" where SuperuserWrites.isOurs(audit): return false
        case "READ", "FUNCTION": return audit.command != "DO" && !Self.needles.isIn(audit.statement)
        case "WRITE":
            return !scene.superusers.contains(record.role) && audit.source == .session && audit.command == "INSERT"
                && !Self.needles.isIn(audit.statement)
        default: return false
        }
    }

    private func count(_ kind: String) {
        let counter = kinds[kind] ?? Counter(label: "everline_guardian_audited_statements_total", dimensions: [("class", kind)])
        kinds[kind] = counter
        counter.increment()
    }

    /// Who has come and gone.
    private func follow(_ record: inout LogRecord) {
        if record.message.hasPrefix("connection authorized: ") || record.message.hasPrefix("replication connection authorized: ")
        {
            record.application = Self.application(in: record.message)
            own(record.application, record.session)
            if authorized.count > 20_000 { authorized.removeAll() }
            authorized[record.session] = record
        } else if record.message.hasPrefix("disconnection: ") || record.severity == .fatal || record.severity == .panic {
            authorized[record.session] = nil
            missing[record.session] = nil
        } else if record.backend == "postmaster" {
            let signs = ["was terminated by signal", "reinitializing", "starting PostgreSQL", "shut down", "ready to accept"]
            // Whoever was connected is not any more, and had no time to say so.
            if signs.contains(where: record.message.contains) {
                authorized.removeAll()
                missing.removeAll()
            }
        }
    }

    /// `… application_name=db-guardian watch SSL enabled (protocol=…`
    private static func application(in message: String) -> String {
        guard let start = message.range(of: " application_name=")?.upperBound else { return "" }
        let rest = message[start...]
        let end = [" SSL enabled (", " GSS ("].compactMap { rest.range(of: $0)?.lowerBound }.min() ?? rest.endIndex
        return String(rest[..<end])
    }

    /// Roles of which nothing is fixed: what they usually do is learned.
    private func learn(_ record: LogRecord, errand: String?) {
        guard record.audit == nil, errand == nil, record.message.hasPrefix("connection authorized: "),
            !scene.superusers.contains(record.role)
        else { return }
        // Of the services their applications are known, and their hours are all.
        let isOurs = scene.inventory.isOurs(record.role)
        let new = baselines.see(
            role: record.role, address: record.host, application: isOurs ? nil : record.application, at: record.milliseconds,
            isHourly: !isOurs, learn: learn)
        hasBaselinesToKeep = true
        if new.isEmpty { return }
        raise([
            Alarm(
                rule: LoginAnomaly.definition.id, severity: .medium, at: record.at, role: record.role, address: record.host,
                database: record.database,
                object: new.joined(separator: ", "), evidence: [record.evidence, record.message],
                advice: LoginAnomaly.definition.advice,
                cause: "\(record.role) \(new.joined(separator: " "))")
        ])
    }

    private func silence(_ irregularity: LogFollower.Irregularity) {
        switch irregularity {
        case .gone(let name):
            // Old files are removed at some time; the newest are not.
            guard logFiles[name].map({ scene.now / 1_000 - $0 < 86_400 }) ?? true else { return }
            tell(.silence(object: name, words: "the log file \(name) is gone", evidence: [], certain: true))
        case .shrank(let name, let from, let to):
            tell(
                .silence(
                    object: name, words: "the log file \(name) shrank from \(from) to \(to) bytes", evidence: [], certain: true))
        case .rewritten(let name):
            tell(.silence(object: name, words: "what was read of the log file \(name) was changed", evidence: [], certain: true))
        case .longLine(let place):
            tell(
                .silence(
                    object: place.file, words: "a line is longer than \(LogLimits.line) bytes; its end was not judged",
                    evidence: ["\(place.file):\(place.line)"], certain: false))
        }
    }
}

/// A superuser writes where the services write.
struct SuperuserWrites: Rule {
    static let definition = RuleDefinition(
        id: "superuser-writes", severity: .high,
        description:
            "A superuser writes to tables, sets or draws from a sequence, or calls the services' functions, outside the guardian's runs.",
        normal: "The guardian's own runs; reading.",
        advice: "Ask who did it and why; messages and numbers that were changed by hand break the promises to clients.",
        thresholds: [])
    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, sight.isSuperuser, let audit = sight.record.audit, !audit.object.hasPrefix("pg_temp") else {
            return []
        }
        // pgAudit calls a WITH by what it ends in, and MERGE by no name.
        guard
            audit.kind == "WRITE" || Self.isOurs(audit)
                || (audit.kind == "READ" || audit.command == "???")
                    && (sight.statement.writes || sight.statement.has("setval") || sight.statement.has("nextval"))
        else { return [] }
        return [alarm(&sight, cause: sight.record.role)]
    }

    /// Whether one of the services' functions was called: what it writes has no record.
    static func isOurs(_ audit: AuditRecord) -> Bool { audit.kind == "FUNCTION" && audit.object.hasPrefix("everline.") }
}

/// Data leaves in bulk.
struct BulkExport: Rule {
    static let definition = RuleDefinition(
        id: "bulk-export", severity: .high,
        description:
            "COPY of a table to the client or a file, any COPY by a service, pg_dump outside the guardian's runs, or as many rows read as a dump reads.",
        normal: "The guardian's backups, ledgers and drills; pages, searches and exports of the history service.",
        advice: "See who read it and from where; what was read must be taken as known to others.",
        thresholds: [
            .init(name: "rows", value: 1_000, meaning: "rows read by scanning all of a table, which no service does"),
            .init(name: "fetched", value: 2_000_000, meaning: "messages fetched within ten seconds"),
        ])
    private static let tables: Set<String> = ["messages", "users", "sessions", "login_log"]
    private let rows: Int64
    private let fetched: Int64
    private var last: [String: Activity.Table] = [:]
    /// The guardian's own reading is counted up to this long after it has ended.
    private var quietUntil: Int64 = 0

    init(_ thresholds: Thresholds) {
        rows = Int64(thresholds.number("rows"))
        fetched = Int64(thresholds.number("fetched"))
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        if let errand = sight.errand {
            guard Errands.reading.contains(errand) else { return [] }
            quietUntil = max(quietUntil, record.milliseconds + 15_000)
            return []
        }
        if record.audit == nil, record.message.hasPrefix("connection authorized: "), record.application.hasPrefix("pg_dump") {
            return [alarm(&sight, object: record.application, cause: "\(record.role)@\(record.host)")]
        }
        guard sight.isAudited("READ", "MISC") else { return [] }
        let statement = sight.statement
        if record.audit?.command == "LOCK TABLE" {
            // pg_dump's first step, whatever it calls itself.
            guard statement.words.has(["access", "share", "mode"]), statement.has("everline") else { return [] }
            return [alarm(&sight)]
        }
        if record.audit?.command.hasPrefix("COPY") == true || statement.words.first == "copy" {
            // No service copies anything.
            let isWatched =
                statement.has("everline") || record.audit?.object.hasPrefix("everline.") == true || sight.isSuperuser
                || scene.inventory.isService(record.role)
            guard statement.words.contains("to"), isWatched else { return [] }
            return [alarm(&sight)]
        }
        let isTable = statement.words.first == "table"
        let isWhole = statement.parts.contains { part in
            let words = part.words
            let isLimited = words.contains("limit") && !words.has(["limit", "all"]) && !words.has(["limit", "null"])
            return words.contains(where: Self.tables.contains) && !isLimited && !part.selectsCount
                && (isTable || words.contains("from") && part.isForAllRows)
        }
        guard sight.isSuperuser, isWhole else { return [] }
        return [alarm(&sight)]
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .activity(let activity) = event else { return [] }
        if activity.isReadingMuch { quietUntil = max(quietUntil, scene.now + 15_000) }
        var alarms: [Alarm] = []
        for table in activity.tables where ["messages", "users", "revisions"].contains(table.name) {
            defer { last[table.name] = table }
            guard let before = last[table.name], scene.now > quietUntil, table.scanned >= before.scanned else { continue }
            let scanned = table.scanned - before.scanned
            let more = table.fetched - before.fetched
            guard table.scans > before.scans && scanned >= rows || table.name == "messages" && more >= fetched else { continue }
            alarms.append(
                alarm(
                    scene, database: scene.database, object: "everline.\(table.name)",
                    evidence: [
                        "pg_stat_user_tables: \(max(scanned, more)) rows of \(table.name) read within \(Int(activity.seconds)) s"
                    ],
                    cause: table.name))
        }
        return alarms
    }
}

/// Password hashes read by others than those who check them.
struct VerifierRead: Rule {
    static let definition = RuleDefinition(
        id: "verifier-read", severity: .critical,
        description:
            "Password hashes are read, or a view or function is made that reads them: pg_authid, pg_shadow, samples of the planner's (pg_statistic), or those of the chat's accounts by anyone but auth, and by auth of more than one.",
        normal: "The auth service checking a login; the guardian's roles and backups.",
        advice: "Take the passwords as stolen: change those of the roles, and have the users change theirs.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    /// DDL that carries a query.
    private static let making: Set<String> = [
        "CREATE VIEW", "CREATE MATERIALIZED VIEW", "CREATE TABLE AS", "SELECT INTO", "CREATE FUNCTION", "CREATE PROCEDURE",
        "CREATE RULE",
    ]
    /// Columns of pg_stats that hold values of the table's.
    private static let samples: Set<String> = ["most_common_vals", "histogram_bounds", "most_common_elems"]

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, let audit = sight.record.audit,
            ["READ", "WRITE", "FUNCTION"].contains(audit.kind) || Self.making.contains(audit.command)
        else { return [] }
        if readsAccounts(&sight, audit, scene) { return [alarm(&sight, object: "everline.users")] }
        if sight.statement.anywhere(Self.readsRoles) { return [alarm(&sight, object: "pg_authid")] }
        return sight.statement.anywhere(Self.readsSamples) ? [alarm(&sight, object: "pg_statistic")] : []
    }

    private func readsAccounts(_ sight: inout RecordSight, _ audit: AuditRecord, _ scene: Scene) -> Bool {
        let record = sight.record
        let isMade = Self.making.contains(audit.command)
        guard audit.source == .object || sight.isSuperuser || isMade,
            audit.object == "everline.users" || sight.statement.anywhere({ $0.has("users") })
        else { return false }
        if record.role == "everline_auth", scene.inventory.expects(record.role, record.application) {
            // It looks up one account at a time; and gets no hash back from what it changes.
            guard audit.kind == "READ" || sight.statement.has("returning") else { return false }
            let isOfMore = sight.statement.parts.contains {
                $0.words.contains("users") && !$0.isOfOne(of: "users", by: Self.keys)
            }
            return audit.kind == "READ" && sight.statement.has("copy") || isOfMore && Self.returnsHashes(sight.statement)
        }
        // Others read names; the hash is in no column of theirs.
        return !isMade && sight.statement.has("copy") || Self.takesHashes(sight.statement)
            || sight.statement.embedded.contains { $0.has("users") && Self.takesHashes($0) }
    }

    /// Columns of which a value stands for one account.
    private static let keys: Set<String> = ["id", "username_key"]

    /// As `takesHashes`, of what comes back: a new account's hash goes in.
    private static func returnsHashes(_ statement: Statement) -> Bool {
        guard let back = statement.index(of: ["returning"]), statement.words.first == "insert" else {
            return takesHashes(statement)
        }
        let tail = statement.tokens[back...]
        return tail.contains(.word("password_hash")) || tail.contains(.symbol("*"))
    }

    private static func takesHashes(_ statement: Statement) -> Bool {
        statement.has("password_hash") || statement.takesWhole("users")
    }

    private static func readsRoles(_ statement: Statement) -> Bool {
        statement.has("pg_authid") || statement.has("pg_shadow") || statement.has("rolpassword")
    }

    private static func readsSamples(_ statement: Statement) -> Bool {
        let words = statement.words
        if words.contains(where: { $0.hasPrefix("pg_statistic") }) { return true }
        guard let view = words.first(where: { $0.hasPrefix("pg_stats") }) else { return false }
        return words.contains(where: samples.contains) || statement.takesWhole(view)
    }
}

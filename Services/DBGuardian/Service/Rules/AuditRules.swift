import Foundation

/// Auditing or logging weakened.
struct AuditOff: Rule {
    static let definition = RuleDefinition(
        id: "audit-off", severity: .critical,
        description:
            "Settings of auditing, logging or counting are weakened: by SET, set_config, for a role or a database, for the server, by dropping the extension, by a right to set them, by taking rights from the role of object audit, or by resetting what the server counts.",
        normal: "`db-guardian roles` and `audit harden`.",
        advice:
            "Set it back (`db-guardian audit harden`) and look at what the session did since: without records, by the catalogue differences.",
        thresholds: [])
    /// Until when what the guardian's own dumps did may be counted.
    private var dumpedUntil: Int64 = 0
    init(_ thresholds: Thresholds) {}

    private static let settings: Set<String> = [
        "log_min_messages", "log_connections", "log_disconnections", "log_destination", "logging_collector", "log_directory",
        "log_filename",
        "log_min_error_statement", "log_error_verbosity", "log_truncate_on_rotation", "log_file_mode", "log_line_prefix",
        "log_timezone",
        "shared_preload_libraries", "log_rotation_age", "log_rotation_size",
        // What is deleted, who is there, and what superusers run is seen by counting.
        "track_counts", "track_activities", "compute_query_id",
        // Connections are known by the words of their lines.
        "lc_messages",
    ]

    static func isAudit(_ name: String) -> Bool {
        let name = name.lowercased()
        return name.hasPrefix("pgaudit.") || name == "pgaudit" || name.hasPrefix("pg_stat_statements.") || settings.contains(name)
    }

    private static func weakens(_ statement: Statement) -> Bool { statement.anywhere(isWeakening) }

    private static func isWeakening(_ statement: Statement) -> Bool {
        let words = statement.words
        if words.contains(where: { $0 == "pg_stat_statements_reset" || $0.hasPrefix("pg_stat_reset") }) { return true }
        if words.has(["drop", "extension"]), words.contains("pgaudit") || words.contains("pg_stat_statements") { return true }
        let first = words.first ?? ""
        // A name that is put together when it runs hides what is set.
        if !["grant", "revoke", "alter", "drop", "comment"].contains(first),
            (statement.configured + statement.settingsUpdated).contains(where: { $0.map(isAudit) ?? true })
        {
            return true
        }
        if ["set", "reset", "alter"].contains(first), statement.sets("pg_stat_statements") { return true }
        guard words.contains("set") || words.contains("reset") || words.has(["alter", "system"]) else { return false }
        return words.contains(where: isAudit)
    }

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        if let errand = sight.errand {
            if Errands.reading.contains(errand) { dumpedUntil = max(dumpedUntil, record.milliseconds + 15_000) }
            return []
        }
        guard record.audit != nil, Self.weakens(sight.statement) else { return [] }
        // As pg_dump begins, with set_config; a count tells neither who it was nor which setting.
        if record.place.file == RecordSight.counter, record.milliseconds <= dumpedUntil, sight.statement.words.first == "select",
            sight.statement.has("set_config")
        {
            return []
        }
        return [alarm(&sight)]
    }

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard explained?.errand == nil else { return [] }
        switch difference.kind {
        case "setting" where Self.isAudit(difference.name) && !Self.isStricter(difference): break
        case "role setting" where Self.isAudit(difference.part("name")): break
        case "parameter right" where Self.isAudit(difference.name) && difference.after != nil: break
        case "extension" where difference.name == "pgaudit" && difference.after == nil: break
        case "role" where difference.name == Role.audit && difference.after == nil: break
        case "relation" where difference.after != nil && Self.isHeardLess(difference.change(of: "acl")): break
        default: return []
        }
        return [alarm(difference, explained, scene)]
    }

    /// Whether object audit hears less of a table: by the rights of a role nobody logs in as.
    private static func isHeardLess(_ access: (before: String?, after: String?)) -> Bool {
        let (before, after) = (
            AccessList(access.before).rights[Role.audit] ?? "", AccessList(access.after).rights[Role.audit] ?? ""
        )
        return before.contains { !after.contains($0) }
    }

    private static func isStricter(_ difference: Difference) -> Bool {
        let value = difference.change(of: "value")
        switch difference.name {
        case "log_connections", "log_disconnections", "logging_collector": return value.after == "on"
        case "pgaudit.log":
            func classes(_ text: String?) -> Set<String> {
                Set((text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
            }
            return classes(value.after).isSuperset(of: classes(value.before)) || classes(value.after).contains("all")
        default: return false
        }
    }

}

/// The watch cannot hear.
struct AuditSilence: Rule {
    static let definition = RuleDefinition(
        id: "audit-silence", severity: .critical,
        description:
            "Records lack: the canary does not come back, lines are missing, a log file shrank or vanished, a session ended unheard; or somebody ends the watch's own session.",
        normal: "Rotation, restarts of the server, log files that are removed when they are old.",
        advice:
            "Take the log files away for evidence, see who was connected then, and look at the catalogue differences of that time.",
        thresholds: [
            .init(name: "canary", value: 4, meaning: "seconds in which a canary must come back")
        ])
    /// When the server was last told to stop, which ends everybody's session in the same words.
    private var stopped: Int64?
    private static let stopping: Int64 = 120_000
    init(_ thresholds: Thresholds) {}

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        let record = sight.record
        if record.backend == "postmaster", record.message.hasPrefix("received "), record.message.hasSuffix(" shutdown request") {
            stopped = record.milliseconds
        }
        // admin_shutdown (PostgreSQL manual, appendix A); also said when the postmaster is gone, which is a crash.
        guard record.severity == .fatal, record.state == "57P01", record.role == Role.watch,
            !record.message.contains("postmaster"),
            stopped.map({ abs(record.milliseconds - $0) > Self.stopping }) ?? true
        else { return [] }
        return [
            alarm(&sight, object: "watch", cause: "the watch's session", evidence: ["somebody has ended the watch's own session"])
        ]
    }

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .silence(let object, let words, let evidence, let certain) = event else { return [] }
        return [alarm(scene, severity: certain ? .critical : .high, object: object, evidence: [words] + evidence, cause: object)]
    }
}

/// A catalogue differs, and no record says why.
struct UnexplainedChange: Rule {
    static let definition = RuleDefinition(
        id: "unexplained-change", severity: .critical,
        description: "The catalogue has changed, and neither a record nor a migration says how.",
        normal: "Changes that pgAudit has recorded: other rules judge those.",
        advice:
            "Somebody changes the catalogue unheard: directly, or with auditing off. See who was connected as superuser at that time.",
        thresholds: [])
    init(_ thresholds: Thresholds) {}

    mutating func see(_ difference: Difference, explained: Deeds.Deed?, _ scene: Scene) -> [Alarm] {
        guard explained == nil else { return [] }
        switch difference.kind {
        // Made by functions, which leave no record of their own.
        case "replication slot": return []
        case "setting", "hba rule", "hba order": return [alarm(difference, nil, scene, severity: .high)]
        default: return [alarm(difference, nil, scene)]
        }
    }
}

/// DDL that is no migration.
struct ForeignDDL: Rule {
    static let definition = RuleDefinition(
        id: "foreign-ddl", severity: .high,
        description: "DDL, GRANT or a change of roles that is none of the guardian's own runs.",
        normal: "`db-guardian migrate`, `roles` and `audit harden`; temporary tables, of which no service makes any.",
        advice: "If it is meant, make it a migration; if not, undo it.", thresholds: [])
    init(_ thresholds: Thresholds) {}

    private static let destroying: Set<String> = [
        "DROP TABLE", "DROP SCHEMA", "DROP DATABASE", "DROP OWNED", "DROP MATERIALIZED VIEW",
    ]

    mutating func see(_ sight: inout RecordSight, _ scene: Scene) -> [Alarm] {
        guard sight.errand == nil, sight.isAudited("DDL", "ROLE"), let audit = sight.record.audit,
            !Self.isTemporary(&sight) || scene.inventory.isService(sight.record.role)
        else { return [] }
        let words = sight.statement.words
        let destroys = Self.destroying.contains(audit.command) || audit.command == "ALTER TABLE" && words.contains("drop")
        return [
            alarm(
                &sight, severity: audit.kind == "ROLE" ? .medium : nil,
                cause: "\(sight.record.role) \(audit.command) \(audit.object)",
                destroyed: destroys)
        ]
    }

    static func isTemporary(_ sight: inout RecordSight) -> Bool {
        guard let object = sight.record.audit?.object else { return false }
        if object.hasPrefix("pg_temp") { return true }
        // Where pgAudit names no object the statement must say so, and be the only one of its string.
        guard object.isEmpty, sight.record.audit?.command.hasPrefix("CREATE ") == true, sight.statement.parts.count == 1 else {
            return false
        }
        let words = sight.statement.words
        let kind = words.dropFirst().first { !["or", "replace", "global", "local"].contains($0) }
        return words.first == "create" && (kind == "temp" || kind == "temporary")
    }
}

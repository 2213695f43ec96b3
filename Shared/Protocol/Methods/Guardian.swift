/// What `db-guardian status --json` prints, as it is: ok, problems, newestProven, window, rpoSeconds, rtoSeconds and more.
package struct GuardianReport: WireObject {
    package let ok: Bool
    package let problems: JSON

    package init(from fields: inout Fields) throws(RPCError) {
        ok = try fields.bool("ok")
        problems = fields.json("problems") ?? .array([])
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("ok", ok)
        object.field("problems", problems)
    }
}

/// How the backups stand; `sayings` are the `problems` by kind, in the same order (see `guardian.jobs`). For admins.
package enum GuardianStatus: Method {
    package static let name = "guardian.status"
    package typealias Params = Nothing
    package typealias Result = GuardianReport
}

/// `{backups: […]}`, each as in `db-guardian backup list --json`.
package struct GuardianBackupList: WireObject {
    package let backups: JSON

    package init(from fields: inout Fields) throws(RPCError) { backups = fields.json("backups") ?? .array([]) }
    package func encode(to object: inout ObjectWriter) { object.field("backups", backups) }
}

/// The backups there are. For admins.
package enum GuardianBackups: Method {
    package static let name = "guardian.backups"
    package typealias Params = Nothing
    package typealias Result = GuardianBackupList
}

/// Which findings: those seen since a moment, from a severity on, of a rule; at most `limit`, the newest.
package struct FindingsWanted: WireObject {
    package let since: Timestamp?
    /// low, medium, high or critical.
    package let severity: String?
    package let rule: String?
    package let limit: Int64?

    package static let severities = ["low", "medium", "high", "critical"]
    package static let most: Int64 = 200

    package init(from fields: inout Fields) throws(RPCError) {
        since = try fields.optionalTimestamp("since")
        severity = try fields.optionalString("severity")
        rule = try fields.optionalString("rule")
        limit = try fields.optionalInt("limit", in: 1...Self.most)
        if let severity, !Self.severities.contains(severity) {
            throw RPCError(.invalidParams, detail: "severity is low, medium, high or critical", parameter: "severity")
        }
        if let rule, rule.utf8.contains(0) || rule.utf8.count > 100 {
            throw RPCError(.invalidParams, detail: "rule is a rule's name", parameter: "rule")
        }
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("since", since?.description)
        object.field("severity", severity)
        object.field("rule", rule)
        object.field("limit", limit)
    }
}

/// `{findings: […]}`, the newest last, each as in `db-guardian audit findings --json`.
package struct GuardianFindingList: WireObject {
    package let findings: JSON

    package init(from fields: inout Fields) throws(RPCError) { findings = fields.json("findings") ?? .array([]) }
    package func encode(to object: inout ObjectWriter) { object.field("findings", findings) }
}

/// What the watch has found. For admins.
package enum GuardianFindings: Method {
    package static let name = "guardian.findings"
    package typealias Params = FindingsWanted
    package typealias Result = GuardianFindingList
}

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

/// How the backups stand. For admins.
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

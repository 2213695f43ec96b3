/// `{windows: […]}`: from when to when can be restored, each as in `db-guardian pitr windows --json`.
package struct GuardianWindowList: WireObject {
    package let windows: JSON

    package init(from fields: inout Fields) throws(RPCError) { windows = fields.json("windows") ?? .array([]) }
    package func encode(to object: inout ObjectWriter) { object.field("windows", windows) }
}

/// What can be restored, and the holes in it. For admins.
package enum GuardianWindows: Method {
    package static let name = "guardian.windows"
    package typealias Params = Nothing
    package typealias Result = GuardianWindowList
}

/// `{drills: […]}`, the newest last, each as `db-guardian drill --json` told it of one repository, with `at` and `repository`.
package struct GuardianDrillList: WireObject {
    package let drills: JSON

    package init(from fields: inout Fields) throws(RPCError) { drills = fields.json("drills") ?? .array([]) }
    package func encode(to object: inout ObjectWriter) { object.field("drills", drills) }
}

/// The last drills of all repositories. For admins.
package enum GuardianDrills: Method {
    package static let name = "guardian.drills"
    package typealias Params = Nothing
    package typealias Result = GuardianDrillList
}

/// Which backup to make.
package struct BackupWanted: WireObject {
    /// base, database or cluster.
    package let kind: String

    package static let kinds = ["base", "database", "cluster"]

    package init(from fields: inout Fields) throws(RPCError) {
        kind = try fields.string("kind")
        guard Self.kinds.contains(kind) else {
            throw RPCError(.invalidParams, detail: "kind is base, database or cluster", parameter: "kind")
        }
    }
    package func encode(to object: inout ObjectWriter) { object.field("kind", kind) }
}

/// The job that was begun, by which `guardian.jobs` names it.
package struct JobBegun: WireObject {
    package let job: String

    package init(job: String) { self.job = job }
    package init(from fields: inout Fields) throws(RPCError) { job = try fields.string("job") }
    package func encode(to object: inout ObjectWriter) { object.field("job", job) }
}

/// Makes a backup. The same that waits or goes on already is not begun twice: the answer names that. For admins.
package enum GuardianBackup: Method {
    package static let name = "guardian.backup"
    package typealias Params = BackupWanted
    package typealias Result = JobBegun
}

/// Proves the newest base backup of each repository. For admins.
package enum GuardianDrill: Method {
    package static let name = "guardian.drill"
    package typealias Params = Nothing
    package typealias Result = JobBegun
}

/// `{jobs: [{job, kind, state, startedAt?, finishedAt?, progress?, step?, message?, failure?}]}`, the newest last: those that were asked for, and
/// the schedule's own. `kind` is the verb (`backup base`), `state` waiting, running, done or failed. `step` and `failure` say the same as
/// `progress` and `message` by kind: {kind, values, text}, so that a client can say it in another language; `text` is what it says in English.
package struct GuardianJobList: WireObject {
    package let jobs: JSON

    package init(from fields: inout Fields) throws(RPCError) { jobs = fields.json("jobs") ?? .array([]) }
    package func encode(to object: inout ObjectWriter) { object.field("jobs", jobs) }
}

/// What the guardian does and has done since it started. For admins.
package enum GuardianJobs: Method {
    package static let name = "guardian.jobs"
    package typealias Params = Nothing
    package typealias Result = GuardianJobList
}

package import EverlineService

package enum GuardianSettings {
    package static let all: [Setting] =
        Setting.postgres + [
            Setting("migrations.root", default: "", "folder of the numbered SQL files"),
            Setting(
                "roles.conninfo", default: "", "libpq connection string of a superuser, for `roles` and `backup cluster` alone"),
            Setting("roles.passwordFile", default: "", "file that holds the superuser's password"),
            Setting("roles.passwords", default: "", "folder with a password file postgres-ROLE for each role"),
            Setting("logins.days", default: "365", "days that the login log is kept"),
            Setting("roles.database", default: "everline", "the database that the roles are for"),
            Setting("indexing", default: "1", "1 to keep the search index and the statistics, 0 not to"),
        ] + repository + backup + schedule + audit + watch + Setting.tls + Setting.listen(port: 7503)
        + Setting.metrics(port: 9104)
        + Setting.log

    package static let repository = [
        Setting(
            "repository.paths", default: "", "folder of the repository; several with commas between: what is written goes to each"
        ),
        Setting("repository.keyFile", default: "", "the key file; keep a copy of it apart from the backups"),
        Setting("repository.encryption", default: "on", "on or off (off only for a repository that was made so)"),
        Setting("repository.compression", default: "zstd", "zstd or lz4 (larger and quicker), for what is written from now on"),
        Setting("repository.system", default: "", "system identifier, if the repository has several clusters"),
        Setting("repository.wait", default: "300", "seconds that a job waits for another one's lock"),
        Setting("repository.timeout", default: "60", "seconds that `wal push` and `wal fetch` may take"),
    ]

    package static let backup = [
        Setting(
            "replication.conninfo", default: "", "libpq connection string of role replicator, for base backups and `wal receive`"),
        Setting("replication.passwordFile", default: "", "file that holds its password"),
        Setting("tools.folder", default: "", "folder of PostgreSQL's programs; default: the newest in /usr/lib/postgresql"),
        Setting("backup.staging", default: "", "folder for a backup before it is encrypted; default: EVERLINE_HOME/staging"),
        Setting("backup.jobs", default: "2", "processes that dump a database"),
        Setting("backup.configuration", default: "", "folder with postgresql.conf and pg_hba.conf, if not in the data directory"),
        Setting("drill.folder", default: "/var/tmp", "where drills restore to, and remove it again"),
        Setting("retention.weekly", default: "4", "base backups to keep, the newest of each week"),
        Setting("retention.days", default: "7", "days back to which any moment can be restored"),
        Setting("retention.dumps", default: "7", "dumps to keep of each kind"),
        Setting("receive.folder", default: "", "where `wal receive` gathers the stream; default: EVERLINE_HOME/staging/receive"),
    ]

    package static let watch = [
        Setting("watch.conninfo", default: "", "libpq connection string of role everline_watch; without it nothing is watched"),
        Setting("watch.passwordFile", default: "", "file that holds its password"),
        Setting("watch.logFolder", default: "", "read the server's log in this folder, instead of over SQL"),
        Setting("watch.thresholds", default: "", "thresholds of rules, as rule.name=number, with commas between"),
        Setting("watch.roles", default: "", "login roles that are right beside our own, with commas between"),
        Setting(
            "watch.applications", default: "",
            "further applications by which roles come, as role:application, with commas between"),
        Setting("watch.extensions", default: "", "further extensions that are right, with commas between"),
        Setting("watch.standbys", default: "", "application names of standbys, with commas between"),
    ]

    /// Seconds between runs; 0 for never.
    package static let schedule = [
        Setting("schedule.base", default: "604800", "seconds between base backups; 0 for none"),
        Setting("schedule.dump", default: "86400", "seconds between dumps of the database; 0 for none"),
        Setting("schedule.drill", default: "604800", "seconds between drills; 0 for none"),
        Setting("schedule.prune", default: "86400", "seconds between prunings; 0 for none"),
        Setting("schedule.ledger", default: "600", "seconds between ledgers; 0 for none"),
        Setting("schedule.heartbeat", default: "1", "seconds between heartbeats; 0 for none"),
        Setting("schedule.receive", default: "1", "1 to receive the WAL stream, 0 not to"),
        Setting("schedule.grace", default: "60", "seconds after the start before the first job"),
    ]
}

extension GuardianSettings {
    /// What is found, and who is told.
    package static let audit = [
        Setting("audit.window", default: "600", "seconds within which the same cause is one finding"),
        Setting(
            "audit.accepted", default: "", "items of `audit check` that may fail, by item or CIS number, with commas between"),
        Setting("audit.restoreFolder", default: "", "folder that the restore commands of findings name; default: drill.folder"),
        Setting("audit.room", default: "ops", "the room in which admins are told; none for no room"),
        Setting("audit.roomMinimum", default: "medium", "severity from which on it is told in the room"),
        Setting("audit.webhookUrl", default: "", "http or https address that gets each finding as JSON"),
        Setting("audit.webhookSecretFile", default: "", "file with the key of its signature (HMAC-SHA-256)"),
        Setting("audit.webhookCa", default: "", "PEM file of the authority to trust instead of the system's"),
        Setting("audit.webhookMinimum", default: "low", "severity from which on it is sent"),
        Setting("audit.command", default: "", "program, with arguments, that gets each finding as JSON on its input"),
        Setting("audit.commandMinimum", default: "low", "severity from which on it is run"),
    ]
}

/// Why the guardian will not do what it was told, and what to do about it.
package struct GuardianError: Said, Sendable, CustomStringConvertible {
    package let problem: String
    package let hint: String?

    /// For those that are told in other languages too.
    private let kind: Saying.Kind
    private let values: [String: Saying.Value]

    package init(
        _ problem: String, hint: String? = nil, kind: Saying.Kind = .error, values: [String: Saying.Value] = [:]
    ) {
        self.problem = problem
        self.hint = hint
        self.kind = kind
        self.values = values
    }
    package var description: String { problem + (hint.map { "\nHINT: \($0)" } ?? "") }
    package var said: (kind: Saying.Kind, values: [String: Saying.Value]) { (kind, values) }

    /// The same, with what to do about it.
    package func hinting(_ hint: String) -> GuardianError { GuardianError(problem, hint: hint, kind: kind, values: values) }
}

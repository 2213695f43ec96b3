/// A role as it must be. None is a superuser, makes databases or roles, or goes around row security.
package struct Role: Sendable {
    package let name: String
    package let replication: Bool
    /// Whether it may connect to our database.
    package let connects: Bool
    /// Set for each of its sessions.
    package let settings: [(name: String, value: String)]
    /// Predefined roles that it is a member of.
    package let memberOf: [String]

    private init(
        _ name: String, replication: Bool = false, connects: Bool = true, memberOf: [String] = [],
        _ settings: [(String, String)] = []
    ) {
        self.name = name
        self.replication = replication
        self.connects = connects
        self.memberOf = memberOf
        self.settings = settings.map { (name: $0.0, value: $0.1) }
    }

    package static let owner = "everline_guardian"
    package static let watch = "everline_watch"
    /// Nobody logs in as it: what it may do with a table, pgAudit records (pgaudit.role).
    package static let audit = "everline_audit"

    // A plan made while a table was empty would read all of it once it is not; every access of the hot path has an index.
    private static let hotPath = [
        ("enable_seqscan", "off"), ("jit", "off"), ("idle_in_transaction_session_timeout", "10s"),
        // Planning an append anew each time cost more than running it (0.47 against 0.29 ms).
        ("plan_cache_mode", "force_generic_plan"),
    ]

    package static let all: [Role] = [
        // Compiling a ledger's sums took a fifth of them.
        Role(owner, [("jit", "off"), ("idle_in_transaction_session_timeout", "1h")]),
        Role("everline_auth", hotPath + [("lock_timeout", "3s"), ("statement_timeout", "10s")]),
        // No statement timeout: an append is never cancelled while it commits.
        Role("everline_gateway", hotPath + [("lock_timeout", "1s")]),
        Role(
            "everline_history",
            hotPath + [
                ("default_transaction_read_only", "on"), ("statement_timeout", "10s"),
                // Starting a worker takes longer than any of its questions.
                ("max_parallel_workers_per_gather", "0"),
            ]),
        Role("replicator", replication: true, connects: false),
        // Sees what the server does, and reads its log by functions of its own (WatchAccess).
        Role(
            watch, memberOf: ["pg_monitor"],
            [("default_transaction_read_only", "on"), ("statement_timeout", "30s"), ("lock_timeout", "2s"), ("jit", "off")]),
    ]
}

/// How to reach PostgreSQL, and how much may be open or waiting at once.
package struct PostgresConfiguration: Sendable {
    /// Which of the servers of a connection string will do (libpq's `target_session_attrs`, which in the string goes first).
    package enum Target: String, Sendable, Hashable {
        /// Also a standby, for those who only read.
        case any
        /// No standby; also where sessions only read by default.
        case primary
        /// Neither a standby nor a primary that was closed to writers (`default_transaction_read_only`). A standby is refused whatever the string
        /// says, because it would refuse each call.
        case readWrite = "read-write"
    }

    /// A libpq connection string without a password (PostgreSQL manual 34.1.1; several hosts, target_session_attrs, sslmode and so on are
    /// libpq's own business).
    package var conninfo: String
    /// A file with the password and perhaps a final newline; read anew for each connection, so a changed password needs no restart.
    package var passwordFile: String?
    /// Shown in pg_stat_activity, if the connection string names none.
    package var applicationName: String?
    /// The same for names that are made anew for each connection; goes before `applicationName`.
    package var naming: (@Sendable () -> String)?
    /// The most connections a pool opens. A session always has one.
    package var connections: Int
    /// The most callers that wait for a connection; the next is refused at once.
    package var waiting: Int
    /// The most calls queued or in flight on one connection; the next is refused at once.
    package var inFlight: Int
    package var target: Target
    /// Which of the connection string's hosts is meant, counted from 0; `nil` for all (see `byHost`).
    package var host: Int?
    /// For each host of the connection string, in whole seconds, at least 2, so that one that swallows everything does not keep us from the next; at
    /// least 5 where there is only one, which may be slow. `connect_timeout` in the string goes first.
    package var connectTimeout: Duration
    /// How long a cancelled statement may take to end before its connection is closed.
    package var cancelGrace: Duration
    /// Cancel requests of the process that may wait for the server at once; beyond it the connection is closed instead of being rid of its call.
    package var cancelRequests = 8
    /// Runs on each new connection before anyone else gets it; throwing closes the connection and counts as a failed attempt.
    package var onConnect: (@Sendable (PostgresConnection) async throws -> Void)?
    /// Called when a connection of a pool or session is gone, before anyone is given another; on the reactor's thread, so it must not wait.
    package var onDisconnect: (@Sendable () -> Void)?

    package init(
        conninfo: String, passwordFile: String? = nil, applicationName: String? = nil, connections: Int = 4, waiting: Int = 256,
        inFlight: Int = 256, target: Target = .readWrite, connectTimeout: Duration = .seconds(2),
        cancelGrace: Duration = .seconds(1), onConnect: (@Sendable (PostgresConnection) async throws -> Void)? = nil
    ) {
        self.conninfo = conninfo
        self.passwordFile = passwordFile
        self.applicationName = applicationName
        self.connections = max(1, connections)
        self.waiting = waiting
        self.inFlight = inFlight
        self.target = target
        self.connectTimeout = connectTimeout
        self.cancelGrace = cancelGrace
        self.onConnect = onConnect
    }
}

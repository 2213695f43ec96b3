/// How to reach PostgreSQL, and how much may be open or waiting at once.
package struct PostgresConfiguration: Sendable {
    /// A libpq connection string without a password (PostgreSQL manual 34.1.1; several hosts, target_session_attrs, sslmode and so on are
    /// libpq's own business).
    package var conninfo: String
    /// A file with the password and perhaps a final newline; read anew for each connection, so a changed password needs no restart.
    package var passwordFile: String?
    /// Shown in pg_stat_activity, if the connection string names none.
    package var applicationName: String?
    /// The most connections a pool opens. A session always has one.
    package var connections: Int
    /// The most callers that wait for a connection; the next is refused at once.
    package var waiting: Int
    /// The most calls queued or in flight on one connection; the next is refused at once.
    package var inFlight: Int
    /// For each host of the connection string, in whole seconds, at least 2; `connect_timeout` in the string goes first.
    package var connectTimeout: Duration
    /// How long a cancelled statement may take to end before its connection is closed.
    package var cancelGrace: Duration
    /// Runs on each new connection before anyone else gets it; throwing closes the connection and counts as a failed attempt.
    package var onConnect: (@Sendable (PostgresConnection) async throws -> Void)?

    package init(
        conninfo: String, passwordFile: String? = nil, applicationName: String? = nil, connections: Int = 4, waiting: Int = 256,
        inFlight: Int = 256, connectTimeout: Duration = .seconds(5), cancelGrace: Duration = .seconds(1),
        onConnect: (@Sendable (PostgresConnection) async throws -> Void)? = nil
    ) {
        self.conninfo = conninfo
        self.passwordFile = passwordFile
        self.applicationName = applicationName
        self.connections = max(1, connections)
        self.waiting = waiting
        self.inFlight = inFlight
        self.connectTimeout = connectTimeout
        self.cancelGrace = cancelGrace
        self.onConnect = onConnect
    }
}

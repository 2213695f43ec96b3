package import Logging

/// A bounded number of connections, opened when they are needed, each lent to one caller at a time; and a bounded line of callers that wait for one.
/// A lost connection is replaced for the next who waits, with a growing pause while the server cannot be reached.
package final class PostgresPool: Sendable {
    private let source: ConnectionSource

    package init(configuration: PostgresConfiguration, logger: Logger) {
        source = ConnectionSource(configuration, limit: configuration.connections, isShared: false, logger)
    }

    /// Runs one statement on any connection. Errors as of `PostgresConnection.query`, and besides: `overloaded` when too many wait,
    /// `deadline` when no connection came free or could be opened in time.
    @discardableResult
    package func query(
        _ query: PostgresQuery, deadline: PostgresDeadline = .seconds(5), neverCancel: Bool = false
    ) async throws -> PostgresRows {
        try await Self.onReactor { try await source.query(query, deadline, neverCancel) }
    }

    @discardableResult
    package func execute(
        _ statement: PostgresStatement, _ parameters: PostgresParameters = [], deadline: PostgresDeadline = .seconds(5),
        neverCancel: Bool = false
    ) async throws -> PostgresRows {
        try await Self.onReactor { try await source.query(PostgresQuery(statement, parameters), deadline, neverCancel) }
    }

    /// A continuation resumes where its task prefers to run and only then goes back to the actor that waits: without this each call would go through the
    /// caller's thread, or one of the cooperative pool's, twice more.
    private static func onReactor(_ body: () async throws -> PostgresRows) async throws -> PostgresRows {
        try await withTaskExecutorPreference(PostgresReactor.tasks) { try await body() }
    }

    /// Lends a connection for as long as `body` runs; `deadline` is for getting it.
    @discardableResult
    package func withConnection<R>(
        deadline: PostgresDeadline = .seconds(5), _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        let connection = try await source.take(deadline)
        do {
            let value = try await body(connection)
            await source.giveBack(connection)
            return value
        } catch {
            await source.giveBack(connection)
            throw error
        }
    }

    /// `PostgresConnection.withTransaction` on a connection of its own. The deadline is for getting the connection, the beginning and the commit;
    /// the statements in between name their own.
    @discardableResult
    package func withTransaction<R>(
        _ isolation: PostgresConnection.Isolation = .readCommitted, deadline: PostgresDeadline = .seconds(5),
        _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        try await withConnection(deadline: deadline) { connection in
            try await connection.withTransaction(isolation, deadline: deadline, body)
        }
    }

    /// For metrics: connections open and idle, callers waiting.
    package var load: (open: Int, idle: Int, waiting: Int) {
        get async {
            let load = await source.load
            return (load.open, load.idle, load.waiting)
        }
    }

    /// Refuses new callers with `closed`, closes idle connections, and waits for the lent ones until `deadline`, when it closes them.
    package func shutdown(deadline: PostgresDeadline = .seconds(5)) async { await source.shutDown(deadline) }
}

extension ConnectionSource {
    fileprivate func query(_ query: PostgresQuery, _ deadline: PostgresDeadline, _ neverCancel: Bool) async throws -> PostgresRows
    {
        let connection = try await take(deadline)
        defer { giveBack(connection) }
        return try await connection.query(query, deadline: deadline, neverCancel: neverCancel)
    }
}

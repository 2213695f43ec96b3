package import Logging

/// ONE connection that is opened anew when it is lost, shared by all callers: their calls are pipelined on it in the order they come. For
/// lanes of appends, where order matters and a second connection would only wait for the first one's locks.
///
/// A call is never repeated here: only the caller knows whether that is harmless. There are no transactions over several calls, because the calls of others
/// would join them; `executeAtomically` sends one as a whole.
package final class PostgresSession: Sendable {
    private let source: ConnectionSource

    package init(_ configuration: PostgresConfiguration, logger: Logger) {
        source = ConnectionSource(configuration, limit: 1, isShared: true, logger)
    }

    /// Errors as of `PostgresConnection.query`; `deadline` also when there is no connection in time.
    @discardableResult
    package func query(
        _ query: PostgresQuery, deadline: PostgresDeadline = .seconds(5), neverCancel: Bool = false
    ) async throws -> PostgresRows {
        try await source.queryShared(query, deadline, neverCancel)
    }

    @discardableResult
    package func execute(
        _ statement: PostgresStatement, _ parameters: PostgresParameters = [], deadline: PostgresDeadline = .seconds(5),
        neverCancel: Bool = false
    ) async throws -> PostgresRows {
        try await source.queryShared(PostgresQuery(statement, parameters), deadline, neverCancel)
    }

    /// One transaction, sent as a whole.
    package func executeAtomically(
        _ queries: [PostgresQuery], deadline: PostgresDeadline = .seconds(5), neverCancel: Bool = false
    ) async throws -> [PostgresRows] {
        try await source.take(deadline).pipelineAtomically(queries, deadline: deadline, neverCancel: neverCancel)
    }

    package var isConnected: Bool { get async { await source.load.open > 0 } }

    /// Refuses new calls with `closed`, and waits for those in flight until `deadline`.
    package func shutdown(deadline: PostgresDeadline = .seconds(5)) async { await source.shutDown(deadline) }
}

extension ConnectionSource {
    fileprivate func queryShared(
        _ query: PostgresQuery, _ deadline: PostgresDeadline, _ neverCancel: Bool
    ) async throws -> PostgresRows {
        try await take(deadline).query(query, deadline: deadline, neverCancel: neverCancel)
    }
}

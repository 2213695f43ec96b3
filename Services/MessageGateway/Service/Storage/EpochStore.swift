import EverlinePostgres

/// The epoch in PostgreSQL (migration 003): asking for it writes a new one first, if the server or its timeline is another.
enum EpochStore {
    private static let current = PostgresStatement("SELECT everline.current_epoch()")
    private static let renew = PostgresStatement("SELECT everline.new_epoch($1)")

    /// For each new connection, before anything else is asked on it.
    static func note(on connection: PostgresConnection, in epochs: Epochs) async throws {
        let epoch: String = try await connection.query(PostgresQuery(current, [])).decode(0, 0)
        try await epochs.noted(epoch) { try await connection.query(PostgresQuery(renew, [$0])).decode(0, 0) }
    }

    static func current(_ session: PostgresSession, in epochs: Epochs) async throws -> String {
        if let known = epochs.known { return known }
        let epoch: String = try await session.query(PostgresQuery(current, [])).decode(0, 0)
        return try await epochs.noted(epoch) { try await session.query(PostgresQuery(renew, [$0])).decode(0, 0) }
    }

    static func begin(after epoch: String, _ pool: PostgresPool) async throws -> String {
        try await pool.query(PostgresQuery(renew, [epoch])).decode(0, 0)
    }
}

package import EverlinePostgres

extension PostgresConnection {
    /// The epoch of the server at the other end. If that is another server, or another timeline, than the one that the epoch was made on, it gets
    /// a new one here, so that nothing is read from it or written to it under the old one: for each new connection of a service that labels
    /// what it reads, or what it remembers, with the epoch. A standby has the epoch of its primary.
    ///
    /// - Throws: `PostgresError`, also when the appends in flight do not let the epoch be changed in time; then the connection is not to be used.
    package nonisolated func serverEpoch() async throws -> String {
        if try await query("SELECT pg_is_in_recovery()").decode(0, 0) {
            return try await query("SELECT everline.current_epoch()").decode(0, 0)
        }
        // Also for a role that only reads otherwise.
        return try await withTransaction(.readWrite) { connection in
            try await connection.query("SELECT everline.current_epoch()").decode(0, 0)
        }
    }
}

package import EverlinePostgres

/// Second factors in PostgreSQL: secrets as `SecretBox` sealed them, recovery codes by their hashes.
package struct SecondFactorStore: Sendable {
    let pool: PostgresPool

    package init(_ pool: PostgresPool) { self.pool = pool }

    struct Stored: Sendable {
        let secret: [UInt8]
        let isConfirmed: Bool
    }

    private static let select = PostgresStatement(
        "SELECT secret, confirmed_at IS NOT NULL FROM everline.second_factors WHERE user_id = $1")
    // Whoever comes second with the same code finds it used: the row is locked by the one before.
    private static let take = PostgresStatement(
        """
        UPDATE everline.second_factors SET last_step = $2
        WHERE user_id = $1 AND last_step < $2 AND secret = $3 AND confirmed_at IS NOT NULL RETURNING 1
        """)
    private static let confirm = PostgresStatement(
        """
        UPDATE everline.second_factors SET last_step = $2, confirmed_at = clock_timestamp()
        WHERE user_id = $1 AND secret = $3 AND confirmed_at IS NULL RETURNING 1
        """)
    // The account may end meanwhile, and its second factor with it.
    private static let begin = PostgresStatement(
        """
        WITH holder AS (SELECT u.id FROM everline.users u WHERE u.id = $1 AND NOT u.disabled FOR SHARE)
        INSERT INTO everline.second_factors AS f (user_id, secret) SELECT h.id, $2 FROM holder h
        ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, begun_at = clock_timestamp(), last_step = 0
        WHERE f.confirmed_at IS NULL RETURNING 1
        """)
    private static let takeRecovery = PostgresStatement(
        "DELETE FROM everline.recovery_codes WHERE user_id = $1 AND hash = $2 RETURNING 1")
    private static let setCodes = PostgresStatement(
        """
        WITH old AS (DELETE FROM everline.recovery_codes WHERE user_id = $1 AND NOT hash = ANY($2))
        INSERT INTO everline.recovery_codes (user_id, hash) SELECT $1, h FROM unnest($2::bytea[]) AS h ON CONFLICT DO NOTHING
        """)

    func stored(_ user: Int64) async throws -> Stored? {
        try await pool.execute(Self.select, [user]).first.map {
            Stored(secret: try $0[0].decode(), isConfirmed: try $0[1].decode())
        }
    }

    /// A new one that is not confirmed; false if there is a confirmed one.
    func begin(_ user: Int64, _ secret: [UInt8]) async throws -> Bool {
        try await !pool.execute(Self.begin, [user, secret]).isEmpty
    }

    /// With its recovery codes: neither is there without the other. False: it is another secret by now, or confirmed already.
    static func confirm(_ user: Int64, _ first: FirstCode, _ connection: PostgresConnection) async throws -> Bool {
        guard try await !connection.query(PostgresQuery(confirm, [user, first.step, first.secret])).isEmpty else { return false }
        try await connection.query(PostgresQuery(setCodes, [user, first.recoveryHashes]))
        return true
    }

    /// Takes the code of a time step, once.
    func take(_ user: Int64, step: Int64, of secret: [UInt8]) async throws -> Bool {
        try await !pool.execute(Self.take, [user, step, secret]).isEmpty
    }
    func takeRecovery(_ user: Int64, _ hash: [UInt8]) async throws -> Bool {
        try await !pool.execute(Self.takeRecovery, [user, hash]).isEmpty
    }

    func recoveryCodesLeft(_ user: Int64) async throws -> Int64 {
        try await pool.query("SELECT count(*) FROM everline.recovery_codes WHERE user_id = \(user)").decode(0, 0)
    }

    /// Whether there was one.
    static func remove(_ user: Int64, _ connection: PostgresConnection) async throws -> Bool {
        try await connection.query("DELETE FROM everline.recovery_codes WHERE user_id = \(user)")
        return try await !connection.query("DELETE FROM everline.second_factors WHERE user_id = \(user) RETURNING 1").isEmpty
    }
}

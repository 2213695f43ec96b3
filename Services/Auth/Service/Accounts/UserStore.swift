package import EverlinePostgres
package import EverlineProtocol

/// A user as the database knows them.
package struct StoredUser: Sendable {
    package let id: Int64
    package let username: String
    package let displayName: String
    package let passwordHash: String
    package let admin: Bool
    package let disabled: Bool
    package let createdAt: Timestamp
    package let mustChange: Bool

    package var user: User { User(username: username, displayName: displayName, admin: admin) }
}

/// Users in PostgreSQL.
package struct UserStore: Sendable {
    let pool: PostgresPool

    package init(_ pool: PostgresPool) { self.pool = pool }

    // With a colon are the keys of those whom nobody is by a name: deleted accounts, and services that write.
    private static let byKey = PostgresStatement(
        """
        SELECT id, username, display_name, password_hash, admin, disabled, created_at, must_change FROM everline.users
        WHERE username_key = $1 AND strpos(username_key, ':') = 0
        """)

    package func user(key: String) async throws -> StoredUser? {
        try await pool.execute(Self.byKey, [key]).first.map(Self.user)
    }

    package func user(_ id: Int64) async throws -> StoredUser? {
        try await pool.execute(Self.byID, [id]).first.map(Self.user)
    }
    private static let byID = PostgresStatement(
        "SELECT id, username, display_name, password_hash, admin, disabled, created_at, must_change FROM everline.users WHERE id = $1"
    )

    /// - Throws: `auth.username_taken`.
    package func create(
        _ name: Username, displayName: String, passwordHash: String, admin: Bool, mustChange: Bool = false
    ) async throws -> Int64 {
        do {
            return try await pool.query(
                """
                INSERT INTO everline.users (username, username_key, display_name, password_hash, admin, must_change)
                VALUES (\(name.text), \(name.key), \(displayName), \(passwordHash), \(admin), \(mustChange)) RETURNING id
                """
            ).decode(0, 0)
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw RPCError(.usernameTaken, parameter: "username")
        }
    }

    /// The same password with other parameters, unless it was changed meanwhile.
    func renewHash(_ id: Int64, from old: String, to new: String) async throws {
        try await pool.query("UPDATE everline.users SET password_hash = \(new) WHERE id = \(id) AND password_hash = \(old)")
    }
    func setDisplayName(_ id: Int64, _ name: String) async throws {
        try await pool.query("UPDATE everline.users SET display_name = \(name) WHERE id = \(id) AND NOT disabled")
    }

    private static func user(_ row: PostgresRow) throws -> StoredUser {
        StoredUser(
            id: try row[0].decode(), username: try row[1].decode(), displayName: try row[2].decode(),
            passwordHash: try row[3].decode(), admin: try row[4].decode(), disabled: try row[5].decode(),
            createdAt: Timestamp(milliseconds: try row[6].decode(as: PostgresTimestamp.self).milliseconds),
            mustChange: try row[7].decode())
    }
}

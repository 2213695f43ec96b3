import EverlineCryptography
package import EverlinePostgres
package import EverlineProtocol

/// Lists of accounts, sessions and logins.
package struct AccountLists: Sendable {
    let pool: PostgresPool

    package init(_ pool: PostgresPool) { self.pool = pool }

    private static let sessions = PostgresStatement(
        """
        SELECT token_hash, id, client, address, created_at, last_seen_at, expires_at FROM everline.sessions
        WHERE user_id = $1 AND expires_at > now() ORDER BY last_seen_at DESC, created_at DESC LIMIT 1000
        """)
    private static let logins = PostgresStatement(
        """
        SELECT id, at, outcome, address, client, name FROM everline.login_log WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
        """)
    private static let allLogins = PostgresStatement(
        """
        SELECT l.id, l.at, l.outcome, l.address, l.client, l.name FROM everline.login_log l
        WHERE l.id < $1 AND ($2::text IS NULL OR l.user_id = (SELECT u.id FROM everline.users u WHERE u.username_key = $2)
                OR (l.user_id IS NULL AND lower(l.name) = $2))
            AND ($3::text IS NULL OR l.outcome = $3) AND ($4::text IS NULL OR l.address = $4)
            AND ($5::timestamptz IS NULL OR l.at >= $5) AND ($6::timestamptz IS NULL OR l.at < $6)
        ORDER BY l.id DESC LIMIT $7
        """)
    private static let users = PostgresStatement(
        """
        SELECT u.username, u.display_name, u.admin, u.disabled, u.created_at, u.must_change,
            EXISTS (SELECT FROM everline.second_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL),
            (SELECT count(*) FROM everline.sessions s WHERE s.user_id = u.id AND s.expires_at > now()),
            (SELECT l.at FROM everline.login_log l WHERE l.user_id = u.id AND l.outcome = 'success' ORDER BY l.id DESC LIMIT 1)
        FROM everline.users u
        WHERE u.username_key > $1 AND u.username_key NOT LIKE '%:%'
            AND ($2::text IS NULL OR strpos(u.username_key, $2) > 0 OR strpos(lower(u.display_name), $2) > 0)
        ORDER BY u.username_key LIMIT $3
        """)

    package func users(_ params: AdminUsers.Params) async throws -> AdminUsers.Result {
        let rows = try await pool.execute(
            Self.users, [params.after.map(UsernameKey.of) ?? "", params.query.map(UsernameKey.of), params.limit + 1],
            deadline: .seconds(9))
        let users = try rows.prefix(Int(params.limit)).map { row in
            Account(
                user: User(username: try row[0].decode(), displayName: try row[1].decode(), admin: try row[2].decode()),
                disabled: try row[3].decode(), createdAt: try Self.time(row[4]), lastLoginAt: try Self.optionalTime(row[8]),
                secondFactor: try row[6].decode(), mustChange: try row[5].decode(), sessions: try row[7].decode())
        }
        return AdminUsers.Result(users: users, hasMore: rows.count > params.limit)
    }

    package func sessions(of user: Int64, current: SessionHash?) async throws -> [SessionInfo] {
        try await pool.execute(Self.sessions, [user]).map { row in
            let id: PostgresUUID = try row[1].decode()
            return SessionInfo(
                id: WireUUID(high: id.high, low: id.low).description, client: try row[2].decode(), address: try row[3].decode(),
                createdAt: try Self.time(row[4]), lastSeenAt: try Self.time(row[5]), expiresAt: try Self.time(row[6]),
                current: current.map { $0.bytes == (try? row[0].decode(as: [UInt8].self)) } ?? false)
        }
    }

    func logins(of user: Int64, before: Int64?, limit: Int64) async throws -> LoginList {
        try Self.list(try await pool.execute(Self.logins, [user, before ?? .max, limit + 1]), limit, naming: false)
    }

    package func logins(_ params: AdminLogins.Params) async throws -> LoginList {
        func time(_ time: Timestamp?) -> PostgresTimestamp? {
            time.map { PostgresTimestamp(microseconds: $0.milliseconds * 1_000) }
        }
        let rows = try await pool.execute(
            Self.allLogins,
            [
                params.before ?? .max, params.username.map(UsernameKey.of), params.outcome, params.address, time(params.since),
                time(params.until), params.limit + 1,
            ], deadline: .seconds(9))
        return try Self.list(rows, params.limit, naming: true)
    }

    func actions(_ params: BackwardPage) async throws -> AdminActions.Result {
        try await ActionLog.newest(before: params.before, limit: params.limit, pool)
    }
    package func actions(limit: Int64) async throws -> [AdminAction] {
        try await ActionLog.newest(before: nil, limit: limit, pool).actions
    }

    private static func list(_ rows: PostgresRows, _ limit: Int64, naming: Bool) throws -> LoginList {
        let logins = try rows.prefix(Int(limit)).map { row in
            LoginEntry(
                id: try row[0].decode(), at: try time(row[1]), outcome: try row[2].decode(), address: try row[3].decode(),
                client: try row[4].decode(), name: naming ? try row[5].decode() : nil)
        }
        return LoginList(logins: logins, hasMore: rows.count > limit)
    }

    private static func time(_ field: PostgresCell) throws -> Timestamp {
        Timestamp(milliseconds: try field.decode(as: PostgresTimestamp.self).milliseconds)
    }
    private static func optionalTime(_ field: PostgresCell) throws -> Timestamp? { field.isNull ? nil : try time(field) }
}

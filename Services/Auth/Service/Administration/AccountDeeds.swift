package import EverlinePostgres
package import EverlineProtocol

/// What changes accounts: each in one transaction with its record, in which it is looked again whether the actor may (`Standing`). A user's row is changed
/// before their sessions are ended, and opening a session locks it (`SessionStore.open`), so no session of before slips through.
package struct AccountDeeds: Sendable {
    let pool: PostgresPool
    let users: UserStore

    package init(_ pool: PostgresPool) {
        self.pool = pool
        users = UserStore(pool)
    }

    package func create(
        _ name: Username, displayName: String, passwordHash: String, admin: Bool, mustChange: Bool, by actor: Actor
    ) async throws {
        do {
            try await pool.withTransaction { connection in
                try await Standing.look(actor, connection)
                let id: Int64 = try await connection.query(
                    """
                    INSERT INTO everline.users (username, username_key, display_name, password_hash, admin, must_change)
                    VALUES (\(name.text), \(name.key), \(displayName), \(passwordHash), \(admin), \(mustChange)) RETURNING id
                    """
                ).decode(0, 0)
                try await ActionLog.add(
                    .userCreated, by: actor, of: (id, name.text), detail: admin ? "admin" : nil, connection)
            }
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw RPCError(.usernameTaken, parameter: "username")
        }
    }

    /// The sessions that ended; `nil` if the password is not the one any more that was looked at.
    func changePassword(of user: StoredUser, to hash: String, by actor: Actor) async throws -> [SessionHash]? {
        try await pool.withTransaction { connection in
            try await Standing.look(actor, of: user, connection)
            let changed = try await connection.query(
                """
                UPDATE everline.users SET password_hash = \(hash), must_change = false
                WHERE id = \(user.id) AND password_hash = \(user.passwordHash) AND NOT disabled RETURNING 1
                """)
            guard !changed.isEmpty else { return nil }
            try await ActionLog.add(.passwordChanged, by: actor, of: (user.id, user.username), connection)
            return try await Self.endSessions(of: user.id, nil, except: actor.session, connection)
        }
    }

    package func setPassword(of user: StoredUser, to hash: String, mustChange: Bool, by actor: Actor) async throws
        -> [SessionHash]
    {
        try await ending(.passwordSet, user, by: actor, detail: mustChange ? "to be changed" : nil) { connection in
            try await connection.query(
                "UPDATE everline.users SET password_hash = \(hash), must_change = \(mustChange) WHERE id = \(user.id)")
        }
    }

    package func requireChange(of user: StoredUser, by actor: Actor) async throws -> [SessionHash] {
        try await ending(.changeRequired, user, by: actor) { connection in
            try await connection.query("UPDATE everline.users SET must_change = true WHERE id = \(user.id)")
        }
    }

    package func disable(_ user: StoredUser, by actor: Actor) async throws -> [SessionHash] {
        try await ending(.userDisabled, user, by: actor, anotherRemains: true) { connection in
            try await connection.query("UPDATE everline.users SET disabled = true WHERE id = \(user.id)")
        }
    }

    package func enable(_ user: StoredUser, by actor: Actor) async throws {
        try await pool.withTransaction { connection in
            try await Standing.look(actor, of: user, connection)
            try await connection.query("UPDATE everline.users SET disabled = false WHERE id = \(user.id)")
            try await ActionLog.add(.userEnabled, by: actor, of: (user.id, user.username), connection)
        }
    }

    /// Who is made less loses their sessions, by which they still were more.
    package func setAdmin(_ user: StoredUser, _ admin: Bool, by actor: Actor) async throws -> [SessionHash] {
        guard !admin else {
            try await pool.withTransaction { connection in
                try await Standing.look(actor, of: user, connection)
                try await connection.query("UPDATE everline.users SET admin = true WHERE id = \(user.id)")
                try await ActionLog.add(.adminGiven, by: actor, of: (user.id, user.username), connection)
            }
            return []
        }
        return try await ending(.adminTaken, user, by: actor, anotherRemains: true) { connection in
            try await connection.query("UPDATE everline.users SET admin = false WHERE id = \(user.id)")
        }
    }

    /// Whether there was one.
    package func removeSecondFactor(of user: StoredUser, _ deed: Deed = .secondFactorReset, by actor: Actor) async throws -> Bool
    {
        try await pool.withTransaction { connection in
            try await Standing.look(actor, of: user, connection)
            guard try await SecondFactorStore.remove(user.id, connection) else { return false }
            try await ActionLog.add(deed, by: actor, of: (user.id, user.username), connection)
            return true
        }
    }

    package func revoke(_ user: StoredUser, _ session: WireUUID?, by actor: Actor) async throws -> [SessionHash] {
        try await pool.withTransaction { connection in
            try await Standing.look(actor, of: user, connection)
            let ended = try await Self.endSessions(of: user.id, session, except: nil, connection)
            if !ended.isEmpty {
                try await ActionLog.add(
                    .sessionsRevoked, by: actor, of: (user.id, user.username), detail: "\(ended.count)", connection)
            }
            return ended
        }
    }

    /// One of one's own sessions, or all others: of two that end each other at once, one remains.
    func endSessions(of user: StoredUser, _ session: WireUUID?, by actor: Actor) async throws -> [SessionHash] {
        try await pool.withTransaction { connection in
            try await Standing.look(actor, of: user, connection)
            return try await Self.endSessions(of: user.id, session, except: session == nil ? actor.session : nil, connection)
        }
    }

    /// Makes the second factor count that is being set up, by its first code. False: it is another by now, or counts already.
    func confirmSecondFactor(of user: StoredUser, _ first: FirstCode, by actor: Actor) async throws -> Bool {
        try await pool.withTransaction { connection in
            guard try await SecondFactorStore.confirm(user.id, first, connection) else { return false }
            try await ActionLog.add(.secondFactorEnabled, by: actor, of: (user.id, user.username), connection)
            return true
        }
    }

    /// The sessions that ended; `nil` if the account was deleted already.
    package func delete(_ user: StoredUser, burying: Bool, by actor: Actor) async throws -> [SessionHash]? {
        try await pool.withTransaction { connection in
            try await Standing.look(actor, of: user, anotherRemains: true, connection)
            let ended = try await Self.endSessions(of: user.id, nil, except: nil, connection)
            let done: Bool = try await connection.query(
                "SELECT everline.delete_account(\(user.id), \(burying))", deadline: .seconds(60)
            ).decode(0, 0)
            guard done else { return nil }
            // By number, since the name is gone with the account.
            try await ActionLog.add(
                .accountDeleted,
                by: actor.id == user.id ? actor.named("deleted:\(user.id)") : actor,
                of: (user.id, "deleted:\(user.id)"), detail: burying ? "messages become tombstones" : "messages stay", connection)
            return ended
        }
    }

    // MARK: Parts

    private func ending(
        _ deed: Deed, _ user: StoredUser, by actor: Actor, detail: String? = nil, anotherRemains: Bool = false,
        _ change: (PostgresConnection) async throws -> Void
    ) async throws -> [SessionHash] {
        try await pool.withTransaction { connection in
            try await Standing.look(actor, of: user, anotherRemains: anotherRemains, connection)
            try await change(connection)
            try await ActionLog.add(deed, by: actor, of: (user.id, user.username), detail: detail, connection)
            return try await Self.endSessions(of: user.id, nil, except: nil, connection)
        }
    }

    private static func endSessions(
        of user: Int64, _ session: WireUUID?, except kept: SessionHash?, _ connection: PostgresConnection
    ) async throws -> [SessionHash] {
        let id = session.map { PostgresUUID(high: $0.high, low: $0.low) }
        return try await connection.query(PostgresQuery(end, [user, id, kept?.bytes])).map {
            SessionHash(bytes: try $0[0].decode())
        }
    }
    private static let end = PostgresStatement(
        """
        DELETE FROM everline.sessions WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND token_hash IS DISTINCT FROM $3
        RETURNING token_hash
        """)
}

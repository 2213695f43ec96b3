import EverlinePostgres
import EverlineProtocol

/// What is recorded. The names are those of `admin.actions`.
package enum Deed: String, Sendable {
    case userCreated = "user.created"
    case userDisabled = "user.disabled"
    case userEnabled = "user.enabled"
    case passwordSet = "password.set"
    case passwordChanged = "password.changed"
    case changeRequired = "password.change_required"
    case adminGiven = "admin.given"
    case adminTaken = "admin.taken"
    case sessionsRevoked = "sessions.revoked"
    case secondFactorEnabled = "second_factor.enabled"
    case secondFactorDisabled = "second_factor.disabled"
    case secondFactorReset = "second_factor.reset"
    case accountDeleted = "account.deleted"
    case loginsRead = "logins.read"
}

/// Who did it, and from where.
package struct Actor: Sendable {
    let id: Int64?
    let name: String
    let address: String
    /// By which they do it; `nil` at the prompt.
    let session: SessionHash?
    /// They may do it only as an admin.
    let isAdmin: Bool

    static func admin(_ holder: Holder) -> Actor {
        Actor(id: holder.user.id, name: holder.user.username, address: holder.address, session: holder.session, isAdmin: true)
    }
    /// With their own account.
    static func oneself(_ holder: Holder) -> Actor {
        Actor(id: holder.user.id, name: holder.user.username, address: holder.address, session: holder.session, isAdmin: false)
    }
    func named(_ name: String) -> Actor { Actor(id: id, name: name, address: address, session: session, isAdmin: isAdmin) }
    /// Somebody at the prompt of the machine, by the name that the system has for them.
    package static func prompt(_ user: String) -> Actor {
        Actor(id: nil, name: "prompt:\(user)", address: "prompt", session: nil, isAdmin: false)
    }
}

/// The record of deeds. The service's role can add to it and read it, and do nothing else with it.
enum ActionLog {
    private static let insert = PostgresStatement(
        """
        INSERT INTO everline.admin_actions (actor_id, actor, action, subject_id, subject, address, detail)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """)

    /// In the transaction of the deed itself, so that neither is there without the other.
    static func add(
        _ deed: Deed, by actor: Actor, of subject: (id: Int64?, name: String), detail: String? = nil,
        _ connection: PostgresConnection
    ) async throws {
        try await connection.query(
            PostgresQuery(
                insert, [actor.id, actor.name, deed.rawValue, subject.id, subject.name, actor.address, detail]))
    }

    static func newest(before: Int64?, limit: Int64, _ pool: PostgresPool) async throws -> AdminActions.Result {
        let rows = try await pool.execute(select, [before ?? .max, limit + 1])
        let actions = try rows.prefix(Int(limit)).map { row in
            AdminAction(
                id: try row[0].decode(), at: Timestamp(milliseconds: try row[1].decode(as: PostgresTimestamp.self).milliseconds),
                by: try row[2].decode(), action: try row[3].decode(), subject: try row[4].decode(), address: try row[5].decode(),
                detail: try row[6].decode())
        }
        return AdminActions.Result(actions: actions, hasMore: rows.count > limit)
    }
    private static let select = PostgresStatement(
        """
        SELECT id, at, actor, action, subject, address, detail FROM everline.admin_actions WHERE id < $1 ORDER BY id DESC LIMIT $2
        """)
}

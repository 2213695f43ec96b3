import EverlinePostgres
import EverlineProtocol

/// Whether somebody may do a deed, looked at in the transaction by which it takes effect: between the question and this there is the hashing of a password, or
/// the wait for a lock, and whoever asked may have been made less, disabled or logged out meanwhile.
enum Standing {
    // In one order for all, so that two who do something to each other wait and do not both fail. Keys stay, so the records of logins need not wait.
    private static let lock = PostgresStatement(
        """
        SELECT u.id, u.admin AND NOT u.disabled, u.deleted_at IS NULL FROM everline.users u
        WHERE u.id = $1 OR u.id = $2 OR ($3 AND u.admin AND NOT u.disabled) ORDER BY u.id FOR NO KEY UPDATE
        """)
    // It cannot end before the deed is done.
    private static let session = PostgresStatement(
        "SELECT FROM everline.sessions s WHERE s.token_hash = $1 AND s.expires_at > now() FOR KEY SHARE")

    /// - Parameter anotherRemains: the deed takes an admin away, and the last one is not to go.
    /// - Throws: `admin.required`, `session.invalid`, `user.not_found`; `invalid_params` for the last admin.
    static func look(
        _ actor: Actor, of subject: StoredUser? = nil, anotherRemains: Bool = false, _ connection: PostgresConnection
    ) async throws {
        var admins: Set<Int64> = []
        var isThere = subject == nil
        for row in try await connection.query(PostgresQuery(lock, [actor.id, subject?.id, anotherRemains])) {
            let id: Int64 = try row[0].decode()
            if try row[1].decode() { admins.insert(id) }
            if id == subject?.id { isThere = try row[2].decode() }
        }
        if actor.isAdmin {
            guard let id = actor.id, admins.contains(id) else { throw RPCError(.adminRequired) }
        }
        if let hash = actor.session {
            guard try await !connection.query(PostgresQuery(session, [hash.bytes])).isEmpty else {
                throw RPCError(.sessionInvalid)
            }
        }
        guard isThere else { throw RPCError(.userNotFound, parameter: "username") }
        if anotherRemains, let subject, admins == [subject.id] {
            throw RPCError(.invalidParams, detail: "the last admin remains one", parameter: "username")
        }
    }
}

import EverlineProtocol

/// Who asks by a session, as PostgreSQL has them now: what they may do is not believed of Redis.
struct Holder: Sendable {
    let user: StoredUser
    let session: SessionHash
    let address: String
}

/// Finds who holds a session.
struct Holders: Sendable {
    let users: UserStore
    let sessions: Sessions

    /// - Parameter mayHaveToChange: whether somebody who has to change the password first may do this.
    /// - Throws: `session.invalid`, `auth.password_change_required`.
    func holder(of token: String, from address: String, mayHaveToChange: Bool = false) async throws -> Holder {
        guard let hash = SessionHash(token: token), let stored = try await sessions.store.session(hash)?.session,
            let user = try await users.user(stored.userID), !user.disabled
        else { throw RPCError(.sessionInvalid) }
        if user.mustChange, !mayHaveToChange { throw RPCError(.passwordChangeRequired) }
        return Holder(user: user, session: hash, address: address)
    }

    /// - Throws: `admin.required` besides.
    func admin(of token: String, from address: String) async throws -> Holder {
        let holder = try await holder(of: token, from: address)
        guard holder.user.admin else { throw RPCError(.adminRequired) }
        return holder
    }
}

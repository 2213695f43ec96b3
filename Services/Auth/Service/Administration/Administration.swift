import EverlineCryptography
import EverlineProtocol

/// What admins do with accounts, by the wire.
struct Administration: Sendable {
    let users: UserStore
    let lists: AccountLists
    let deeds: AccountDeeds
    let sessions: Sessions
    let hashing: HashingPool

    func create(_ params: AdminCreateUser.Params, _ admin: Holder) async throws -> User {
        let name = try Username(params.username)
        let hash = try await hash(params.password, of: name.text, admin)
        let displayName = params.displayName ?? name.text
        try await deeds.create(
            name, displayName: displayName, passwordHash: hash, admin: params.admin, mustChange: params.mustChange,
            by: .admin(admin))
        return User(username: name.text, displayName: displayName, admin: params.admin)
    }

    func disable(_ params: UserParams, _ admin: Holder) async throws {
        await sessions.announce(try await deeds.disable(try await user(params.username), by: .admin(admin)))
    }
    func enable(_ params: UserParams, _ admin: Holder) async throws {
        try await deeds.enable(try await user(params.username), by: .admin(admin))
    }

    func setPassword(_ params: AdminSetPassword.Params, _ admin: Holder) async throws {
        let user = try await user(params.username)
        let hash = try await hash(params.password, of: user.username, admin)
        await sessions.announce(
            try await deeds.setPassword(of: user, to: hash, mustChange: params.mustChange, by: .admin(admin)))
    }

    func requireChange(_ params: UserParams, _ admin: Holder) async throws {
        await sessions.announce(try await deeds.requireChange(of: try await user(params.username), by: .admin(admin)))
    }

    func setAdmin(_ params: AdminSetAdmin.Params, _ admin: Holder) async throws {
        await sessions.announce(try await deeds.setAdmin(try await user(params.username), params.admin, by: .admin(admin)))
    }

    func resetSecondFactor(_ params: UserParams, _ admin: Holder) async throws {
        guard try await deeds.removeSecondFactor(of: try await user(params.username), by: .admin(admin)) else {
            throw RPCError(.invalidParams, detail: "there is no second factor", parameter: "username")
        }
    }

    func sessions(_ params: UserParams, _ admin: Holder) async throws -> SessionList {
        SessionList(sessions: try await lists.sessions(of: try await user(params.username).id, current: admin.session))
    }

    func revoke(_ params: AdminRevoke.Params, _ admin: Holder) async throws -> Ended {
        let ended = try await deeds.revoke(try await user(params.username), params.sessionID, by: .admin(admin))
        await sessions.announce(ended)
        return Ended(ended: ended.count)
    }

    private func user(_ name: String) async throws -> StoredUser {
        guard let user = try await users.user(key: UsernameKey.of(name)) else {
            throw RPCError(.userNotFound, parameter: "username")
        }
        return user
    }

    private func hash(_ given: String, of username: String, _ admin: Holder) async throws -> String {
        let password = try Password(given)
        try PasswordRules.check(password, of: username)
        return try await hashing.run(for: admin.address) { try PasswordHash(hashing: password.text).description }
    }
}

import EverlineCryptography
import EverlineProtocol
import Logging

/// What users do with their own account.
struct OwnAccount: Sendable {
    let users: UserStore
    let lists: AccountLists
    let deeds: AccountDeeds
    let sessions: Sessions
    let log: LoginLog
    let passwords: Passwords
    let hashing: HashingPool
    let throttle: Throttle
    let secondFactors: SecondFactors
    /// Whether messages of deleted accounts become tombstones.
    let buries: Bool

    /// As many logins are in an account's export.
    private static let exported: Int64 = 10_000

    func changePassword(_ params: AuthChangePassword.Params, _ holder: Holder) async throws {
        let new = try Password(params.new, parameter: "new")
        try PasswordRules.check(new, of: holder.user.username, parameter: "new")
        try await confirm(params.current, holder)
        guard Password.normalized(params.current) != new.text else {
            throw RPCError(.weakPassword, detail: "it is the present one", parameter: "new")
        }
        let hash = try await hashing.run(for: holder.address) { try PasswordHash(hashing: new.text).description }
        // From here on nobody gets in by the old one; whoever did while this went on is among those whose sessions end.
        var user = holder.user
        while true {
            if let ended = try await deeds.changePassword(of: user, to: hash, by: .oneself(holder)) {
                await sessions.announce(ended)
                break
            }
            // It may be the same password still, hashed anew at a login.
            guard let now = try await passwords.changed(user, Password.normalized(params.current), for: holder.address) else {
                throw RPCError(.invalidCredentials, parameter: "current")
            }
            user = now
        }
        try await sessions.refresh(holder.session)
    }

    func list(_ holder: Holder) async throws -> SessionList {
        SessionList(sessions: try await lists.sessions(of: holder.user.id, current: holder.session))
    }

    func revoke(_ params: AuthRevoke.Params, _ holder: Holder) async throws -> Ended {
        let ended = try await deeds.endSessions(
            of: holder.user, params.sessionID, by: .oneself(holder))
        await sessions.announce(ended)
        return Ended(ended: ended.count)
    }

    func rename(_ params: AuthProfile.Params, _ holder: Holder) async throws -> User {
        try await users.setDisplayName(holder.user.id, params.displayName)
        try await sessions.refresh(holder.session)
        return User(username: holder.user.username, displayName: params.displayName, admin: holder.user.admin)
    }

    func beginSecondFactor(_ params: AuthSecondFactorBegin.Params, _ holder: Holder) async throws -> AuthSecondFactorBegin.Result
    {
        try await confirm(params.password, holder)
        return try await secondFactors.begin(holder.user)
    }

    func confirmSecondFactor(_ params: AuthSecondFactorConfirm.Params, _ holder: Holder) async throws
        -> AuthSecondFactorConfirm.Result
    {
        let codes = try await secondFactors.confirm(params.code, of: holder.user) {
            try await deeds.confirmSecondFactor(of: holder.user, $0, by: .oneself(holder))
        }
        return .init(recoveryCodes: codes)
    }

    func disableSecondFactor(_ params: Proof, _ holder: Holder) async throws {
        try await confirm(params, holder)
        guard try await deeds.removeSecondFactor(of: holder.user, .secondFactorDisabled, by: .oneself(holder)) else {
            throw RPCError(.invalidParams, detail: "there is no second factor")
        }
    }

    func export(_ holder: Holder) async throws -> AuthExport.Result {
        AuthExport.Result(
            user: holder.user.user, createdAt: holder.user.createdAt,
            secondFactor: try await secondFactors.state(of: holder.user.id).enabled,
            sessions: try await lists.sessions(of: holder.user.id, current: holder.session),
            logins: try await lists.logins(of: holder.user.id, before: nil, limit: Self.exported).logins)
    }

    func delete(_ params: Proof, _ holder: Holder) async throws {
        try await confirm(params, holder)
        guard let ended = try await deeds.delete(holder.user, burying: buries, by: .oneself(holder)) else {
            throw RPCError(.sessionInvalid)
        }
        await sessions.announce(ended)
    }

    // MARK: Whether it is the user themselves

    private func confirm(_ proof: Proof, _ holder: Holder) async throws {
        try await confirm(proof.password, holder)
        switch try await secondFactors.check(proof.code, of: holder.user.id) {
        case .right, .unneeded: break
        case .missing: throw RPCError(.secondFactorRequired)
        case .wrong:
            try await noteUnconfirmed(holder)
            throw RPCError(.invalidCredentials, detail: "the code is wrong, or was used already", parameter: "code")
        }
    }

    /// A stolen session is not to be a place to try passwords at.
    private func confirm(_ password: String, _ holder: Holder) async throws {
        let (key, normalized) = (UsernameKey.of(holder.user.username), Password.normalized(password))
        try throttle.admit(key, holder.address)
        guard let stored = PasswordHash(holder.user.passwordHash) else { throw RPCError(.invalidCredentials) }
        let right = try await hashing.run(for: holder.address) { try stored.verify(normalized) }
        guard right else {
            try await noteUnconfirmed(holder)
            throw RPCError(.invalidCredentials)
        }
    }

    private func noteUnconfirmed(_ holder: Holder) async throws {
        throttle.failed(UsernameKey.of(holder.user.username), holder.address)
        try await log.record(
            .notConfirmed, user: holder.user.id, name: holder.user.username, address: holder.address, client: nil)
    }
}

import EverlineCryptography
import EverlineProtocol
import Foundation
import Logging

/// Registering and logging in.
struct Accounts: Sendable {
    let users: UserStore
    let sessions: Sessions
    let log: LoginLog
    let passwords: Passwords
    let hashing: HashingPool
    let throttle: Throttle
    let secondFactors: SecondFactors
    let logger: Logger
    /// What an unknown user's password is compared with: the same work, and never true.
    let decoy: PasswordHash

    func register(_ params: RegisterParams, from address: String) async throws -> OpenedSession {
        let name = try Username(params.username)
        let password = try Password(params.password)
        try PasswordRules.check(password, of: name.text)
        if try await users.user(key: name.key) != nil {
            try await log.record(.nameTaken, user: nil, name: name.text, address: address, client: params.client)
            throw RPCError(.usernameTaken, parameter: "username")
        }
        let hash = try await hashing.run(for: address) { try PasswordHash(hashing: password.text).description }
        let displayName = params.displayName ?? name.text
        let id = try await users.create(name, displayName: displayName, passwordHash: hash, admin: false)
        try await log.record(.registered, user: id, name: name.text, address: address, client: params.client)
        let user = StoredUser(
            id: id, username: name.text, displayName: displayName, passwordHash: hash, admin: false, disabled: false,
            createdAt: Timestamp(milliseconds: 0), mustChange: false)
        throttle.succeeded(name.key, address)
        guard let session = try await sessions.open(for: user, client: params.client, address: address) else {
            throw RPCError(.invalidCredentials)
        }
        return session
    }

    /// The same steps and the same answer whatever is wrong: an unknown name, a disabled user, a wrong password.
    func login(_ params: LoginParams, from address: String) async throws -> OpenedSession {
        let key = Username.key(params.username)
        let record = { (outcome: LoginOutcome, user: Int64?) in
            try await log.record(outcome, user: user, name: params.username, address: address, client: params.client)
        }
        let recordRefusal = { (outcome: LoginOutcome) in
            try await log.recordRefusal(outcome, key: key, name: params.username, address: address, client: params.client)
        }
        do {
            try throttle.admit(key, address)
        } catch {
            try await recordRefusal(.throttled)
            throw error
        }
        let user: StoredUser?
        let password = Password.normalized(params.password)
        let right: Bool
        do {
            // Before the database is asked, so that a flood costs it as little as may be.
            try hashing.admit(address)
            user = try await users.user(key: key)
            let stored = user.flatMap { $0.disabled ? nil : PasswordHash($0.passwordHash) } ?? decoy
            right = try await hashing.run(for: address) { try stored.verify(password) }
        } catch let error as RPCError where error.code == .authBusy {
            try await recordRefusal(.busy)
            throw error
        }
        guard let user, right, !user.disabled else {
            throttle.failed(key, address)
            try await record(user == nil ? .unknownUser : user?.disabled == true ? .disabled : .wrongPassword, user?.id)
            throw RPCError(.invalidCredentials)
        }
        switch try await secondFactors.check(params.code, of: user.id) {
        case .right, .unneeded: break
        case .missing:
            try await record(.codeMissing, user.id)
            throw RPCError(.secondFactorRequired)
        case .wrong:
            throttle.failed(key, address)
            try await record(.wrongCode, user.id)
            throw RPCError(.invalidCredentials, detail: "the code is wrong, or was used already", parameter: "code")
        }
        throttle.succeeded(key, address)
        try await record(.success, user.id)
        // Another login may have hashed the same password anew meanwhile; and if it is another by now, or the user was disabled, this one comes too late.
        var now = user
        while true {
            if let session = try await sessions.open(for: now, client: params.client, address: address) {
                if PasswordHash(now.passwordHash)?.needsUpgrade() == true { upgrade(now, password) }
                return session
            }
            guard let changed = try await passwords.changed(now, password, for: address) else {
                try await record(.wrongPassword, user.id)
                throw RPCError(.invalidCredentials)
            }
            now = changed
        }
    }

    func logout(_ token: String, from address: String) async throws {
        guard let user = try await sessions.end(token) else { return }
        try await log.record(.loggedOut, user: user.id, name: user.name, address: address, client: nil)
    }

    /// With today's parameters, now that the password is at hand; the login does not wait for it.
    private func upgrade(_ user: StoredUser, _ password: String) {
        Task {
            do {
                let hash = try await hashing.run(for: "") { try PasswordHash(hashing: password).description }
                try await users.renewHash(user.id, from: user.passwordHash, to: hash)
            } catch { logger.warning("a password hash could not be renewed", metadata: ["error": "\(error)"]) }
        }
    }
}

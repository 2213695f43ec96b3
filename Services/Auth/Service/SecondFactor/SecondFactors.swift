import EverlineCryptography
import EverlineProtocol
import Foundation

/// What is kept when a second factor begins to count.
struct FirstCode: Sendable {
    let step: Int64
    let secret: [UInt8]
    let recoveryHashes: [[UInt8]]
}

/// The code that is asked for besides the password, by those who want that.
struct SecondFactors: Sendable {
    let store: SecondFactorStore
    /// `nil`: there is no key, so nothing can be set up and no code be checked.
    let box: SecretBox?
    /// By account alone, as only who has the password comes here. Recovery codes, which nobody guesses, are not slowed down.
    let throttle = Throttle(free: 10)

    private static let recoveryCodes = 10
    private static let secretBytes = 20
    private static let issuer = "Everline"

    enum Verdict { case unneeded, missing, right, wrong }

    /// Whether the code is one of the user's, which is used up by that.
    func check(_ code: String?, of user: Int64) async throws -> Verdict {
        guard let stored = try await store.stored(user), stored.isConfirmed else { return .unneeded }
        guard let code else { return .missing }
        return try await take(code, of: user, stored) ? .right : .wrong
    }

    func state(of user: Int64) async throws -> AuthSecondFactor.Result {
        let enabled = try await store.stored(user)?.isConfirmed ?? false
        return .init(enabled: enabled, recoveryCodesLeft: enabled ? try await store.recoveryCodesLeft(user) : 0)
    }

    func begin(_ user: StoredUser) async throws -> AuthSecondFactorBegin.Result {
        let secret = try SecureRandom.bytes(Self.secretBytes)
        guard try await store.begin(user.id, try key().seal(secret, of: user.id)) else {
            throw RPCError(.invalidParams, detail: "there is a second factor already; disable it first")
        }
        let text = Base32.encode(secret)
        let account = user.username.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return .init(
            secret: text,
            uri: "otpauth://totp/\(Self.issuer):\(account)?secret=\(text)&issuer=\(Self.issuer)&algorithm=SHA1&digits=6&period=30"
        )
    }

    /// The first code makes it count, and `keep` has to keep that. Answers the recovery codes, which are shown once.
    func confirm(_ code: String, of user: StoredUser, _ keep: (FirstCode) async throws -> Bool) async throws -> [String] {
        guard let stored = try await store.stored(user.id), !stored.isConfirmed else { throw Self.nothingBegun }
        guard let step = try step(of: code, user.id, stored) else {
            throw RPCError(.invalidParams, detail: "the code is wrong; is the clock right?", parameter: "code")
        }
        let codes = try (0..<Self.recoveryCodes).map { _ in Base32.encode(try SecureRandom.bytes(10)).lowercased() }
        guard try await keep(FirstCode(step: step, secret: stored.secret, recoveryHashes: codes.map(Self.hash))) else {
            throw Self.nothingBegun
        }
        throttle.succeeded("\(user.id)", "")
        return codes.map { code in
            stride(from: 0, to: code.count, by: 4).map { String(code.dropFirst($0).prefix(4)) }.joined(separator: "-")
        }
    }

    private func take(_ code: String, of user: Int64, _ stored: SecondFactorStore.Stored) async throws -> Bool {
        if code.utf8.count == 6 { return try await takeTime(code, of: user, stored) }
        return try await store.takeRecovery(user, Self.hash(code.lowercased()))
    }

    private func takeTime(_ code: String, of user: Int64, _ stored: SecondFactorStore.Stored) async throws -> Bool {
        guard let step = try step(of: code, user, stored) else { return false }
        guard try await store.take(user, step: step, of: stored.secret) else {
            throttle.failed("\(user)", "")
            return false
        }
        throttle.succeeded("\(user)", "")
        return true
    }

    /// The time step of the code, if it is right.
    private func step(of code: String, _ user: Int64, _ stored: SecondFactorStore.Stored) throws -> Int64? {
        try throttle.admit("\(user)", "")
        guard let secret = try key().open(stored.secret, of: user) else {
            throw RPCError(.unavailable, detail: "the second factor was set up with another key")
        }
        let now = Timestamp.now.milliseconds / 1_000
        guard let step = TimeBasedPassword.usual.step(of: code, secret, at: now) else {
            throttle.failed("\(user)", "")
            return nil
        }
        return step
    }

    private static let nothingBegun = RPCError(.invalidParams, detail: "no second factor is being set up")

    private func key() throws(RPCError) -> SecretBox {
        guard let box else { throw RPCError(.unavailable, detail: "there is no key for second factors (secondFactor.keyFile)") }
        return box
    }

    private static func hash(_ code: String) -> [UInt8] { DigestAlgorithm.sha256.digest("everline recovery code " + code) }
}

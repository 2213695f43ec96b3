import EverlineCryptography
import EverlineProtocol

/// Looks at a password again, when the hash is not the one any more that it was right for.
struct Passwords: Sendable {
    let users: UserStore
    let hashing: HashingPool

    /// The user as they are now, if their hash is another one and the password is right for it, too. `nil`: it is not the same password, or they are kept out.
    ///
    /// - Throws: `auth.busy`.
    func changed(_ user: StoredUser, _ password: String, for address: String) async throws -> StoredUser? {
        guard let now = try await users.user(user.id), !now.disabled, now.passwordHash != user.passwordHash,
            let hash = PasswordHash(now.passwordHash)
        else { return nil }
        return try await hashing.run(for: address) { try hash.verify(password) } ? now : nil
    }
}

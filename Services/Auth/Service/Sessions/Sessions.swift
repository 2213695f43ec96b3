import EverlineCryptography
import EverlineProtocol
import Foundation
import Logging

/// Opens, knows and ends sessions.
package struct Sessions: Sendable {
    let store: SessionStore
    let cache: SessionCache
    let epoch: EpochWatch
    /// How long a session lasts after it was last used, in milliseconds.
    let life: Int64

    /// The token, which only its holder will know, and when it ends.
    func open(for user: StoredUser, client: String?, address: String) async throws -> OpenedSession {
        let raw = try SecureRandom.bytes(32)
        let hash = SessionHash(bytes: DigestAlgorithm.sha256.digest(raw))
        let begun = Self.now
        let expiresAt = Timestamp(milliseconds: begun + life)
        let epoch = try await store.open(hash, user: user.id, client: client, address: address, expiresAt: expiresAt)
        await cache.put(
            hash, StoredSession(userID: user.id, user: user.user, expiresAt: expiresAt), epoch: epoch, readAt: begun)
        return OpenedSession(user: user.user, session: Base64.url.encode(raw), expiresAt: expiresAt, userID: user.id)
    }

    /// - Throws: `session.invalid`.
    func resume(_ token: String) async throws -> ResumedSession {
        guard let hash = SessionHash(token: token) else { throw RPCError(.sessionInvalid) }
        var found: StoredSession?
        if let epoch = epoch.current { found = await cache.get(hash, epoch: epoch) }
        let begun = Self.now
        if found == nil, let stored = try await store.session(hash) {
            found = stored.session
            await cache.put(hash, stored.session, epoch: stored.epoch, readAt: begun)
        }
        guard var session = found, session.expiresAt.milliseconds > Self.now else { throw RPCError(.sessionInvalid) }
        // Sliding, but not a write for every use.
        if session.expiresAt.milliseconds - Self.now < life - min(life / 10, 86_400_000) {
            session = StoredSession(
                userID: session.userID, user: session.user, expiresAt: Timestamp(milliseconds: Self.now + life))
            // It may have ended meanwhile, or Redis may not know yet that it has.
            guard let epoch = try await store.extend(hash, to: session.expiresAt) else {
                await cache.end([hash])
                throw RPCError(.sessionInvalid)
            }
            await cache.put(hash, session, epoch: epoch, readAt: begun)
        }
        return ResumedSession(
            user: session.user, expiresAt: session.expiresAt, userID: session.userID, sessionHash: hash.hex)
    }

    /// The user whose session it was; ending one that is over is no error.
    func end(_ token: String) async throws -> (id: Int64, name: String)? {
        guard let hash = SessionHash(token: token) else { throw RPCError(.sessionInvalid) }
        let user = try await store.end(hash)
        await cache.end([hash])
        return user
    }

    /// Those of the sessions that hold no longer.
    func ended(of hashes: [String]) async throws -> [String] { hashes.isEmpty ? [] : try await store.ended(of: hashes) }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}

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
    /// How long it lasts however much it is used, in milliseconds.
    let longest: Int64

    /// The end of 9999.
    static let never: Int64 = 253_402_300_799_999

    /// The token, which only its holder will know, and when it ends.
    ///
    /// `nil` if the user is not as they were when the password was looked at.
    func open(for user: StoredUser, client: String?, address: String) async throws -> OpenedSession? {
        let raw = try SecureRandom.bytes(32)
        let hash = SessionHash(bytes: DigestAlgorithm.sha256.digest(raw))
        let begun = Self.now
        let expiresAt = Timestamp(milliseconds: begun + min(life, longest))
        let endsAt = Timestamp(milliseconds: min(begun + longest, Self.never))
        guard
            let epoch = try await store.open(
                hash, user: user.id, passwordHash: user.passwordHash, client: client, address: address, expiresAt: expiresAt,
                endsAt: endsAt)
        else { return nil }
        let session = StoredSession(
            userID: user.id, user: user.user, expiresAt: expiresAt, endsAt: endsAt, mustChange: user.mustChange)
        await cache.put(hash, session, epoch: epoch, readAt: begun)
        return OpenedSession(
            user: user.user, session: Base64.url.encode(raw), expiresAt: expiresAt, userID: user.id, mustChange: user.mustChange)
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
        let wanted = min(Self.now + life, session.endsAt.milliseconds)
        if wanted - session.expiresAt.milliseconds > min(life / 10, 86_400_000) {
            session = session.lasting(until: Timestamp(milliseconds: wanted))
            // It may have ended meanwhile, or Redis may not know yet that it has.
            guard let epoch = try await store.extend(hash, to: session.expiresAt) else {
                await cache.end([hash])
                throw RPCError(.sessionInvalid)
            }
            await cache.put(hash, session, epoch: epoch, readAt: begun)
        }
        return ResumedSession(
            user: session.user, expiresAt: session.expiresAt, userID: session.userID, sessionHash: hash.hex,
            mustChange: session.mustChange)
    }

    /// The user whose session it was; ending one that is over is no error.
    func end(_ token: String) async throws -> (id: Int64, name: String)? {
        guard let hash = SessionHash(token: token) else { throw RPCError(.sessionInvalid) }
        let user = try await store.end(hash)
        await announce([hash])
        return user
    }

    /// Tells everybody that these have ended.
    func announce(_ hashes: [SessionHash]) async {
        guard !hashes.isEmpty else { return }
        await cache.end(hashes)
        // What cannot be counted now, gateways find at their next look at all sessions.
        try? await store.countEnd()
    }

    /// What Redis remembers of a session is put right.
    func refresh(_ hash: SessionHash) async throws {
        let begun = Self.now
        guard let stored = try await store.session(hash) else { return }
        await cache.put(hash, stored.session, epoch: stored.epoch, readAt: begun)
    }

    /// Those of the sessions that hold no longer.
    func ended(of hashes: [String]) async throws -> [String] { hashes.isEmpty ? [] : try await store.ended(of: hashes) }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}

import EverlineProtocol
package import EverlineRedis
import Foundation
import NIOCore

/// Sessions in Redis: `everline:session:HASH`. Never the truth: what is not there, or was written in another epoch, is read from PostgreSQL,
/// and so is each once a minute; so whatever Redis was not told, because it was away, holds for a minute at most.
///
/// In the place of a session that has ended stands `ended` for a while: whoever read the session from PostgreSQL before, and comes late with it,
/// does not bring it back.
package struct SessionCache: Sendable {
    let redis: RedisClient
    let ends: RecentEnds

    /// - Parameter ends: told by the client when a server of Redis was lost, or another took its place.
    package init(_ redis: RedisClient, ends: RecentEnds = RecentEnds()) {
        self.redis = redis
        self.ends = ends
    }

    /// How long after it was read from PostgreSQL a session may be believed, in milliseconds.
    static let trust: Int64 = 60_000
    /// Longer than any entry may still be on its way: an entry's end counts from its reading, and so a late one is over when it arrives.
    private static let tombstone = 2 * trust
    private static let patience = Duration.milliseconds(300)

    private struct Entry: WireObject {
        let session: ResumedSession
        let endsAt: Timestamp
        let epoch: String

        init(session: ResumedSession, endsAt: Timestamp, epoch: String) {
            self.session = session
            self.endsAt = endsAt
            self.epoch = epoch
        }
        init(from fields: inout Fields) throws(RPCError) {
            session = try fields.object("session")
            endsAt = try fields.timestamp("endsAt")
            epoch = try fields.string("epoch")
        }
        func encode(to object: inout ObjectWriter) {
            object.field("session", session)
            object.field("endsAt", endsAt.description)
            object.field("epoch", epoch)
        }
    }

    func get(_ hash: SessionHash, epoch: String) async -> StoredSession? {
        guard !ends.contains(hash),
            let bytes = try? await redis.command("GET", Self.key(hash), deadline: Self.patience).bytes,
            let json = try? JSONParser.parse(bytes), let entry = try? Entry(json, strict: false), entry.epoch == epoch,
            let id = entry.session.userID, !ends.contains(hash)
        else { return nil }
        return StoredSession(
            userID: id, user: entry.session.user, expiresAt: entry.session.expiresAt, endsAt: entry.endsAt,
            mustChange: entry.session.mustChange)
    }

    // ARGV: the entry, and when it ends in milliseconds since 1970.
    private static let put = RedisScript(
        """
        if redis.call('GET', KEYS[1]) == 'ended' then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
        return 1
        """)

    /// - Parameter readAt: a moment before PostgreSQL was asked, in milliseconds since 1970.
    func put(_ hash: SessionHash, _ session: StoredSession, epoch: String, readAt: Int64) async {
        let entry = Entry(
            session: ResumedSession(
                user: session.user, expiresAt: session.expiresAt, userID: session.userID, sessionHash: nil,
                mustChange: session.mustChange),
            endsAt: session.endsAt, epoch: epoch)
        let end = min(readAt + Self.trust, session.expiresAt.milliseconds)
        // What Redis cannot keep is read from PostgreSQL.
        _ = try? await redis.run(
            Self.put, keys: [Self.key(hash)], arguments: [entry.jsonBytes(), Array("\(end)".utf8)], deadline: Self.patience)
    }

    /// Forgets sessions and tells every gateway that they have ended. If Redis cannot be told now, or may have lost what it was told, `run` tells it again;
    /// what Redis holds of them counts for nothing here.
    package func end(_ hashes: [SessionHash]) async {
        ends.add(hashes)
        await tell(hashes)
    }

    private func tell(_ hashes: [SessionHash]) async {
        // All at once: waiting for each would take a while when Redis is away.
        let sent = hashes.map { hash in
            let grave = ["SET", Self.key(hash), "ended", "PX", "\(Self.tombstone)"]
            return (
                hash, redis.submit(grave.map { Array($0.utf8) }, deadline: Self.patience),
                redis.submit(["SPUBLISH", "everline:sessions", hash.hex].map { Array($0.utf8) }, deadline: Self.patience)
            )
        }
        for (hash, grave, signal) in sent {
            guard (try? await grave.get()) != nil, (try? await signal.get()) != nil else { continue }
            ends.told(hash)
        }
    }

    /// Tells Redis what it could not be told.
    package func run() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: .milliseconds(250))
            guard redis.isConnected else { continue }
            let hashes = ends.untold(milliseconds: Self.trust)
            if !hashes.isEmpty { await tell(hashes) }
        }
    }

    private static func key(_ hash: SessionHash) -> String { "everline:session:\(hash.hex)" }
}

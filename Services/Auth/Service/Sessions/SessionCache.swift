import EverlineProtocol
package import EverlineRedis

/// Sessions in Redis: `everline:session:HASH`, which goes when the session does. Never the truth: what is not there, or was written in
/// another epoch, is read from PostgreSQL.
package struct SessionCache: Sendable {
    let redis: RedisClient

    package init(_ redis: RedisClient) { self.redis = redis }

    private struct Entry: WireObject {
        let session: ResumedSession
        let epoch: String

        init(session: ResumedSession, epoch: String) {
            self.session = session
            self.epoch = epoch
        }
        init(from fields: inout Fields) throws(RPCError) {
            session = try fields.object("session")
            epoch = try fields.string("epoch")
        }
        func encode(to object: inout ObjectWriter) {
            object.field("session", session)
            object.field("epoch", epoch)
        }
    }

    func get(_ hash: SessionHash, epoch: String) async -> StoredSession? {
        guard let bytes = try? await redis.command("GET", Self.key(hash), deadline: .milliseconds(300)).bytes,
            let json = try? JSONParser.parse(bytes), let entry = try? Entry(json, strict: false), entry.epoch == epoch,
            let id = entry.session.userID
        else { return nil }
        return StoredSession(userID: id, user: entry.session.user, expiresAt: entry.session.expiresAt)
    }

    func put(_ hash: SessionHash, _ session: StoredSession, epoch: String) async {
        let entry = Entry(
            session: ResumedSession(user: session.user, expiresAt: session.expiresAt, userID: session.userID, sessionHash: nil),
            epoch: epoch)
        _ = try? await redis.command(
            [
                Array("SET".utf8), Array(Self.key(hash).utf8), entry.jsonBytes(), Array("PXAT".utf8),
                Array("\(session.expiresAt.milliseconds)".utf8),
            ], deadline: .milliseconds(300))
    }

    /// Forgets sessions and tells every gateway that they have ended.
    package func end(_ hashes: [SessionHash]) async {
        for hash in hashes {
            _ = try? await redis.command("DEL", Self.key(hash))
            _ = try? await redis.command("PUBLISH", "everline:sessions", hash.hex)
        }
    }

    private static func key(_ hash: SessionHash) -> String { "everline:session:\(hash.hex)" }
}

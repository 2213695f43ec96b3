import EverlinePostgres
import EverlineProtocol

/// Reads sessions from PostgreSQL: one query at a time, for all that were asked for while the last one was under way. So thousands of clients
/// that come back at once cost a few queries, and each answer is younger than its question.
///
/// Pinned to the thread of PostgreSQL's connections: a question costs one hop there and one back.
actor SessionReads {
    nonisolated var unownedExecutor: UnownedSerialExecutor { PostgresReactor.shared.asUnownedSerialExecutor() }
    typealias Found = (session: StoredSession, epoch: String)
    private struct Waiting {
        let hash: SessionHash
        let continuation: CheckedContinuation<Found?, any Error>
    }

    private let pool: PostgresPool
    private var waiting: [Waiting] = []
    private var reading = false

    private static let bound = 10_000
    private static let select = PostgresStatement(
        """
        SELECT w.ord, u.id, u.username, u.display_name, u.admin, s.expires_at, e.generation || '-' || e.token, s.ends_at, u.must_change
        FROM unnest($1::bytea[]) WITH ORDINALITY AS w (hash, ord)
        JOIN everline.sessions s ON s.token_hash = w.hash
        JOIN everline.users u ON u.id = s.user_id
        CROSS JOIN everline.epoch e
        WHERE s.expires_at > now() AND NOT u.disabled
        """)

    init(_ pool: PostgresPool) { self.pool = pool }

    /// The session if it holds now, and the epoch that it was read in.
    func session(_ hash: SessionHash) async throws -> Found? {
        guard waiting.count < Self.bound else { throw RPCError(.overloaded, retryAfterMs: 500) }
        return try await withCheckedThrowingContinuation { continuation in
            waiting.append(Waiting(hash: hash, continuation: continuation))
            if !reading {
                reading = true
                Task { await readAll() }
            }
        }
    }

    private func readAll() async {
        while !waiting.isEmpty {
            let batch = Array(waiting.prefix(1_000))
            waiting.removeFirst(batch.count)
            do {
                var found = [Found?](repeating: nil, count: batch.count)
                for row in try await pool.execute(Self.select, [batch.map(\.hash.bytes)]) {
                    found[try row[0].decode(as: Int.self) - 1] = try Self.found(row)
                }
                for (one, session) in zip(batch, found) { one.continuation.resume(returning: session) }
            } catch {
                for one in batch { one.continuation.resume(throwing: error) }
            }
        }
        reading = false
    }

    private static func found(_ row: PostgresRow) throws -> Found {
        let (expiresAt, endsAt): (PostgresTimestamp, PostgresTimestamp) = (try row[5].decode(), try row[7].decode())
        return (
            StoredSession(
                userID: try row[1].decode(),
                user: User(username: try row[2].decode(), displayName: try row[3].decode(), admin: try row[4].decode()),
                expiresAt: Timestamp(milliseconds: expiresAt.milliseconds),
                endsAt: Timestamp(milliseconds: min(endsAt.milliseconds, Sessions.never)), mustChange: try row[8].decode()),
            try row[6].decode()
        )
    }
}

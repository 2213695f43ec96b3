import EverlinePostgres
import EverlineProtocol

/// A room as the primary had it when it was asked, for one reader.
struct ReadableRoom: Sendable {
    let id: Int64
    let name: String
    let lastSeq: Int64
    let lastRev: Int64
    let epoch: String
}

/// Reads rooms' counters and the right to read them: one query at a time, for all requests that came while the last one was under way. So each
/// answer is younger than its request.
actor RoomStates {
    private struct Waiting {
        let name: String
        let user: Int64
        let continuation: CheckedContinuation<ReadableRoom?, any Error>
    }

    private let pool: PostgresPool
    private var waiting: [Waiting] = []
    private var reading = false

    private static let bound = 10_000
    private static let select = PostgresStatement(
        """
        SELECT w.ord, r.id, r.name, c.last_seq, c.last_rev, e.generation || '-' || e.token
        FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w (name, user_id, ord)
        JOIN everline.rooms r ON r.name = w.name
        JOIN everline.room_counters c ON c.room_id = r.id
        CROSS JOIN everline.epoch e
        WHERE (r.kind = 'public'
            AND NOT EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = r.id AND b.user_id = w.user_id))
            OR EXISTS (SELECT FROM everline.room_members m WHERE m.room_id = r.id AND m.user_id = w.user_id)
        """)

    init(_ pool: PostgresPool) { self.pool = pool }

    /// - Throws: `room.not_found`, also for a room that the user may not know of.
    func room(_ name: String, reader user: Int64) async throws -> ReadableRoom {
        guard waiting.count < Self.bound else { throw RPCError(.overloaded, retryAfterMs: 500) }
        let found = try await withCheckedThrowingContinuation { continuation in
            waiting.append(Waiting(name: name, user: user, continuation: continuation))
            if !reading {
                reading = true
                Task { await readAll() }
            }
        }
        guard let found else { throw RPCError(.roomNotFound) }
        return found
    }

    private func readAll() async {
        while !waiting.isEmpty {
            let batch = Array(waiting.prefix(1_000))
            waiting.removeFirst(batch.count)
            do {
                let rows = try await pool.execute(Self.select, [batch.map(\.name), batch.map(\.user)])
                var found = [ReadableRoom?](repeating: nil, count: batch.count)
                for row in rows {
                    found[try row[0].decode(as: Int.self) - 1] = ReadableRoom(
                        id: try row[1].decode(), name: try row[2].decode(), lastSeq: try row[3].decode(),
                        lastRev: try row[4].decode(), epoch: try row[5].decode())
                }
                for (one, room) in zip(batch, found) { one.continuation.resume(returning: room) }
            } catch {
                for one in batch { one.continuation.resume(throwing: error) }
            }
        }
        reading = false
    }
}

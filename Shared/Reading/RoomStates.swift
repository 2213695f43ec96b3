package import EverlinePostgres
package import EverlineProtocol

/// A room as the primary had it when it was asked, for one reader.
package struct ReadableRoom: Sendable, Hashable {
    package let id: Int64
    package let name: String
    package let lastSeq: Int64
    package let lastRev: Int64
    package let epoch: String
}

/// The same with what is needed to follow the room.
package struct OpenedRoom: Sendable {
    package let room: ReadableRoom
    package let kind: RoomKind
    package let membersRev: Int64
    package let isMember: Bool
}

/// Reads rooms' counters and the right to read them: one query at a time, for all requests that came while the last one was under way. So each
/// answer is younger than its request.
///
/// Pinned to the thread of PostgreSQL's connections: a request costs one hop there and one back.
package actor RoomStates {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { PostgresReactor.shared.asUnownedSerialExecutor() }
    private struct Waiting: Sendable {
        let name: String
        let user: Int64
        let continuation: CheckedContinuation<OpenedRoom?, any Error>
    }

    private let pool: PostgresPool
    private var waiting: [Waiting] = []
    private var reading = false

    private static let bound = 10_000
    private static let select = PostgresStatement(
        """
        SELECT w.ord, r.id, r.name, c.last_seq, c.last_rev, e.generation || '-' || e.token, r.kind, c.members_rev, m.user_id IS NOT NULL
        FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w (name, user_id, ord)
        JOIN everline.rooms r ON r.name = w.name
        JOIN everline.room_counters c ON c.room_id = r.id
        CROSS JOIN everline.epoch e
        LEFT JOIN everline.room_members m ON m.room_id = r.id AND m.user_id = w.user_id
        WHERE (r.kind = 'public'
            AND NOT EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = r.id AND b.user_id = w.user_id AND b.until > now()))
            OR m.user_id IS NOT NULL
        """)

    package init(_ pool: PostgresPool) { self.pool = pool }

    /// - Throws: `room.not_found`, also for a room that the user may not know of.
    package nonisolated func room(_ name: String, reader user: Int64) async throws -> ReadableRoom {
        try await opened(name, reader: user).room
    }

    /// - Throws: `room.not_found`, also for a room that the user may not know of.
    package nonisolated func opened(_ name: String, reader user: Int64) async throws -> OpenedRoom {
        // Not isolated, so that the answer goes straight to where the caller's task runs.
        let found = try await withCheckedThrowingContinuation { continuation in
            PostgresReactor.shared.submit {
                self.assumeIsolated { $0.ask(Waiting(name: name, user: user, continuation: continuation)) }
            }
        }
        guard let found else { throw RPCError(.roomNotFound) }
        return found
    }

    private func ask(_ one: Waiting) {
        guard waiting.count < Self.bound else {
            return one.continuation.resume(throwing: RPCError(.overloaded, retryAfterMs: 500))
        }
        waiting.append(one)
        guard !reading else { return }
        reading = true
        Task(executorPreference: PostgresReactor.tasks) { await self.readAll() }
    }

    private func readAll() async {
        while !waiting.isEmpty {
            let batch = Array(waiting.prefix(1_000))
            waiting.removeFirst(batch.count)
            do {
                let rows = try await pool.execute(Self.select, [batch.map(\.name), batch.map(\.user)])
                var found = [OpenedRoom?](repeating: nil, count: batch.count)
                for row in rows {
                    found[try row[0].decode(as: Int.self) - 1] = OpenedRoom(
                        room: ReadableRoom(
                            id: try row[1].decode(), name: try row[2].decode(), lastSeq: try row[3].decode(),
                            lastRev: try row[4].decode(), epoch: try row[5].decode()),
                        kind: RoomKind(rawValue: try row[6].decode()) ?? .private, membersRev: try row[7].decode(),
                        isMember: try row[8].decode())
                }
                for (one, room) in zip(batch, found) { one.continuation.resume(returning: room) }
            } catch {
                for one in batch { one.continuation.resume(throwing: error) }
            }
        }
        reading = false
    }
}

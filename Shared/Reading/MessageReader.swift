package import EverlinePostgres
package import EverlineProtocol

/// Messages of rooms in PostgreSQL, by number, never by offset.
///
/// One statement looks whether the reader may read, what the room's counters and the epoch are, and reads the messages: one snapshot proves that they
/// belong together. What does not change within an epoch is remembered: a room's id, which the statement checks, and what senders are called.
package struct MessageReader: Sendable {
    private let pool: PostgresPool
    private let rooms: RoomNumbers
    private let senders: SenderNames

    package init(pool: PostgresPool) {
        self.pool = pool
        rooms = RoomNumbers(pool: pool)
        senders = SenderNames(pool: pool)
    }

    /// Messages after a number, oldest first, or those nearest before one.
    package enum Direction: Sendable {
        case after(Int64), before(Int64)

        fileprivate var seq: Int64 {
            switch self {
            case .after(let seq), .before(let seq): seq
            }
        }
        fileprivate var isDescending: Bool {
            if case .before = self { true } else { false }
        }
    }

    /// - Parameter patience: for each statement.
    /// - Throws: `room.not_found`, also for a room that the user may not know of.
    package func page(
        _ direction: Direction, room name: String, reader user: Int64, limit: Int64, patience: Duration = .seconds(5)
    ) async throws -> RoomPage {
        let known = try await rooms.id(of: name, patience)
        var id = known
        var rows = try await rows(direction, name, id, user, limit, patience)
        if !RoomPage.isReadable(rows) {
            // Not this reader's; or the id is not the room's any more, because history was turned back.
            id = try await rooms.look(for: name, patience)
            guard id != known else { throw RPCError(.roomNotFound) }
            rows = try await self.rows(direction, name, id, user, limit, patience)
            guard RoomPage.isReadable(rows) else { throw RPCError(.roomNotFound) }
        }
        let page = try RoomPage(rows, id: id, name: name, descending: direction.isDescending)
        return page.naming(try await senders.fields(of: page.senders, epoch: page.room.epoch, patience))
    }

    /// The number of the first message sent then or later; `nil` if there is none.
    package func first(since time: Timestamp, in room: ReadableRoom) async throws -> Int64? {
        try await pool.execute(Self.firstSince, [room.id, PostgresTimestamp(microseconds: time.milliseconds * 1_000)])
            .first?[0].decode()
    }

    private func rows(_ direction: Direction, _ name: String, _ id: Int64, _ user: Int64, _ limit: Int64, _ patience: Duration)
        async throws -> PostgresRows
    {
        try await pool.execute(
            direction.isDescending ? Self.downwards : Self.upwards, [id, name, user, direction.seq, limit],
            deadline: .after(patience))
    }

    // The first row is the room's (see `RoomPage`), and is missing if it may not be read: then what follows is nobody's. Measured at 50 messages: the
    // room costs 10 % of the statement; joining it by name, or the users, 25 % each.
    private static func statement(_ condition: String) -> PostgresStatement {
        PostgresStatement(
            unsafeSQL: """
                SELECT c.last_seq, NULL::bigint, (SELECT e.generation || '-' || e.token FROM everline.epoch e), NULL::timestamptz, NULL::uuid,
                    c.last_rev, NULL::bigint, NULL::timestamptz, NULL::timestamptz, NULL::jsonb, NULL::jsonb
                FROM everline.rooms r
                JOIN everline.room_counters c ON c.room_id = r.id
                LEFT JOIN everline.room_members m ON m.room_id = r.id AND m.user_id = $3
                WHERE r.id = $1 AND r.name = $2 AND (m.user_id IS NOT NULL OR r.kind = 'public'
                    AND NOT EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = r.id AND b.user_id = $3 AND b.until > now()))
                UNION ALL
                (SELECT m.seq, m.sender_id, m.body, m.sent_at, m.client_id, m.reply_to, m.rev, m.edited_at, m.deleted_at, m.reactions,
                    m.mentions
                FROM everline.messages m
                WHERE m.room_id = $1 AND \(condition)
                LIMIT $5)
                """, prepared: true)
    }
    private static let upwards = statement("m.seq > $4 ORDER BY m.seq")
    private static let downwards = statement("m.seq < $4 ORDER BY m.seq DESC")
    private static let firstSince = PostgresStatement(
        """
        SELECT seq FROM everline.messages WHERE room_id = $1 AND sent_at >= $2 ORDER BY sent_at, seq LIMIT 1
        """)
}

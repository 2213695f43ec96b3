package import EverlinePostgres
package import EverlineProtocol

/// Messages in PostgreSQL by number, never by offset.
package struct MessageReader: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    private static let columns = """
        m.seq, u.username, u.display_name, m.body, m.sent_at, m.client_id, m.reply_to, m.rev, m.edited_at, m.deleted_at IS NOT NULL,
        m.reactions::text
        """
    private static let source = "everline.messages m JOIN everline.users u ON u.id = m.sender_id"
    private static let upwards = PostgresStatement(
        unsafeSQL: "SELECT \(columns) FROM \(source) WHERE m.room_id = $1 AND m.seq > $2 ORDER BY m.seq LIMIT $3", prepared: true)
    private static let downwards = PostgresStatement(
        unsafeSQL: "SELECT \(columns) FROM \(source) WHERE m.room_id = $1 AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3",
        prepared: true)
    private static let firstSince = PostgresStatement(
        """
        SELECT seq FROM everline.messages WHERE room_id = $1 AND sent_at >= $2 ORDER BY sent_at, seq LIMIT 1
        """)

    /// Messages after a number, oldest first.
    package func after(_ seq: Int64, in room: ReadableRoom, limit: Int64) async throws -> [Message] {
        try Self.messages(try await pool.execute(Self.upwards, [room.id, seq, limit]), room)
    }

    /// The messages nearest before a number, oldest first.
    package func before(_ seq: Int64, in room: ReadableRoom, limit: Int64) async throws -> [Message] {
        try Self.messages(try await pool.execute(Self.downwards, [room.id, seq, limit]), room).reversed()
    }

    /// The number of the first message sent then or later; `nil` if there is none.
    package func first(since time: Timestamp, in room: ReadableRoom) async throws -> Int64? {
        try await pool.execute(Self.firstSince, [room.id, PostgresTimestamp(microseconds: time.milliseconds * 1_000)])
            .first?[0].decode()
    }

    private static func messages(_ rows: PostgresRows, _ room: ReadableRoom) throws -> [Message] {
        try rows.map { row in
            let sentAt: PostgresTimestamp = try row[4].decode()
            let clientID: PostgresUUID = try row[5].decode()
            let editedAt: PostgresTimestamp? = try row[8].decode()
            let reactions: String? = try row[10].decode()
            return Message(
                room: room.name, seq: try row[0].decode(), epoch: room.epoch, sender: try row[1].decode(),
                senderName: try row[2].decode(), body: try row[3].decode(), sentAt: Timestamp(milliseconds: sentAt.milliseconds),
                clientID: WireUUID(high: clientID.high, low: clientID.low), replyTo: try row[6].decode(),
                rev: try row[7].decode(),
                editedAt: editedAt.map { Timestamp(milliseconds: $0.milliseconds) }, deleted: try row[9].decode(),
                reactions: reactions.map { Array($0.utf8) })
        }
    }
}

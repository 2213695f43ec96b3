import EverlinePostgres
import EverlineProtocol

/// Messages in PostgreSQL, already encoded for delivery.
struct MessageStore: Sendable {
    let pool: PostgresPool

    /// Messages of a room from `first` on, in order, at most `limit`.
    func messages(_ room: Int64, name: String, epoch: String, from first: Int64, limit: Int64) async throws -> [EncodedMessage] {
        try Self.encoded(
            try await pool.query(
                """
                SELECT m.seq, u.username, u.display_name, m.body, m.sent_at, m.client_id, m.reply_to
                FROM everline.messages m JOIN everline.users u ON u.id = m.sender_id
                WHERE m.room_id = \(room) AND m.seq >= \(first) ORDER BY m.seq LIMIT \(limit)
                """), name: name, epoch: epoch)
    }

    /// The newest messages up to `last`, oldest first.
    func newest(_ room: Int64, name: String, epoch: String, upTo last: Int64, limit: Int64) async throws -> [EncodedMessage] {
        try await messages(room, name: name, epoch: epoch, from: max(1, last - limit + 1), limit: limit).filter { $0.seq <= last }
    }

    private static func encoded(_ rows: PostgresRows, name: String, epoch: String) throws -> [EncodedMessage] {
        try rows.map { row in
            let sentAt: PostgresTimestamp = try row[4].decode()
            let clientID: PostgresUUID = try row[5].decode()
            return EncodedMessage(
                Message(
                    room: name, seq: try row[0].decode(), epoch: epoch, sender: try row[1].decode(),
                    senderName: try row[2].decode(),
                    body: try row[3].decode(), sentAt: Timestamp(milliseconds: sentAt.milliseconds),
                    clientID: WireUUID(high: clientID.high, low: clientID.low), replyTo: try row[6].decode()))
        }
    }
}

import EverlinePostgres
import EverlineProtocol

/// Messages in PostgreSQL, already encoded for delivery.
struct MessageStore: Sendable {
    let pool: PostgresPool

    /// Messages of a room from `first` on, in order, at most `limit`.
    ///
    /// - Throws: `epoch.changed` if `epoch` is not the one that holds where they were read.
    func messages(_ room: Int64, name: String, epoch: String, from first: Int64, limit: Int64) async throws -> [EncodedMessage] {
        try await pool.execute(Self.from, [room, first, limit, epoch])
            .map { EncodedMessage(try Self.message($0, name: name, epoch: epoch)) }
    }

    /// Revisions of a room from the number `first` on, in order: each with the message as it is now, so that nobody is shown what was taken back.
    func revisions(_ room: Int64, name: String, epoch: String, from first: Int64, limit: Int64) async throws -> [EncodedRevision]
    {
        try await pool.execute(Self.revisions, [room, first, limit, epoch])
            .map { EncodedRevision(try Self.message($0, name: name, epoch: epoch)) }
    }

    private static let columns = """
        u.username, u.display_name, m.body, m.sent_at, m.client_id, m.reply_to, m.edited_at, m.deleted_at IS NOT NULL, m.reactions::text,
        m.mentions::text, (SELECT e.generation::text || '-' || e.token FROM everline.epoch e) = $4
        """
    private static let from = PostgresStatement(
        unsafeSQL: """
            SELECT m.seq, m.rev, \(columns) FROM everline.messages m JOIN everline.users u ON u.id = m.sender_id
            WHERE m.room_id = $1 AND m.seq >= $2 ORDER BY m.seq LIMIT $3
            """, prepared: true)
    private static let revisions = PostgresStatement(
        unsafeSQL: """
            SELECT m.seq, v.rev, \(columns)
            FROM everline.revisions v JOIN everline.messages m ON m.room_id = v.room_id AND m.seq = v.seq
            JOIN everline.users u ON u.id = m.sender_id
            WHERE v.room_id = $1 AND v.rev >= $2 ORDER BY v.rev LIMIT $3
            """, prepared: true)

    /// The newest messages up to `last`, oldest first.
    func newest(_ room: Int64, name: String, epoch: String, upTo last: Int64, limit: Int64) async throws -> [EncodedMessage] {
        try await messages(room, name: name, epoch: epoch, from: max(1, last - limit + 1), limit: limit).filter { $0.seq <= last }
    }

    private static func message(_ row: PostgresRow, name: String, epoch: String) throws -> Message {
        // Of the same snapshot as the row: it was numbered in the epoch that it is labelled with.
        guard try row[12].decode(as: Bool.self) else { throw RPCError(.epochChanged) }
        let sentAt: PostgresTimestamp = try row[5].decode()
        let clientID: PostgresUUID = try row[6].decode()
        let editedAt: PostgresTimestamp? = try row[8].decode()
        let reactions: String? = try row[10].decode()
        let mentions: String? = try row[11].decode()
        return Message(
            room: name, seq: try row[0].decode(), epoch: epoch, sender: try row[2].decode(), senderName: try row[3].decode(),
            body: try row[4].decode(), sentAt: Timestamp(milliseconds: sentAt.milliseconds),
            clientID: WireUUID(high: clientID.high, low: clientID.low), replyTo: try row[7].decode(), rev: try row[1].decode(),
            editedAt: editedAt.map { Timestamp(milliseconds: $0.milliseconds) }, deleted: try row[9].decode(),
            reactions: reactions.map { Array($0.utf8) }, mentions: mentions.map { Array($0.utf8) })
    }
}

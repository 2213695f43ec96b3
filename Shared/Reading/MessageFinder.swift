package import EverlinePostgres
import EverlineProtocol

/// Reads messages of any rooms by their numbers, as JSON.
package struct MessageFinder: Sendable {
    private let senders: SenderNames

    package init(pool: PostgresPool) { senders = SenderNames(pool: pool) }

    /// In the order given; one that is not there is left out.
    package func messages(_ rooms: [Int64], _ seqs: [Int64], epoch: String, on connection: PostgresConnection) async throws
        -> [[UInt8]]
    {
        guard !rooms.isEmpty else { return [] }
        let rows = try await connection.execute(Self.select, [rooms, seqs])
        guard rows.hasTypes(MessageRow.types + [.text]) else {
            throw PostgresError(.usage, "messages with other columns than theirs")
        }
        var users: [Int64] = []
        rows.forEachRow(0..<rows.count) { users.append(MessageRow.sender($0)) }
        let names = try await senders.fields(of: Array(Set(users)), epoch: epoch)
        var writers: [String: MessageRow] = [:]
        var found: [[UInt8]] = []
        rows.forEachRow(0..<rows.count) { cells in
            let room = String(decoding: cells[MessageRow.types.count], as: UTF8.self)
            let row = writers[room] ?? MessageRow(room: room, epoch: epoch)
            writers[room] = row
            var writer = JSONWriter(reserving: MessageRow.textBytes(cells) + row.expectedBytes)
            row.write(cells, names[MessageRow.sender(cells)] ?? [], to: &writer)
            found.append(writer.bytes)
        }
        return found
    }

    private static let select = PostgresStatement(
        """
        SELECT m.seq, m.sender_id, m.body, m.sent_at, m.client_id, m.reply_to, m.rev, m.edited_at, m.deleted_at, m.reactions,
            m.mentions, r.name
        FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS w (room_id, seq, ord)
        CROSS JOIN LATERAL (SELECT m.* FROM everline.messages m WHERE m.room_id = w.room_id AND m.seq = w.seq OFFSET 0) m
        JOIN everline.rooms r ON r.id = m.room_id
        ORDER BY w.ord
        """)
}

package import EverlinePostgres
import EverlineProtocol

/// Reads messages of any rooms by their numbers, as JSON.
package struct MessageFinder: Sendable {
    private let senders: SenderNames

    package init(pool: PostgresPool) { senders = SenderNames(pool: pool) }

    /// In the order given; one that is not there is left out.
    ///
    /// - Parameter namingAll: with everybody who reacted, and not the first twenty.
    package func messages(
        _ rooms: [Int64], _ seqs: [Int64], namingAll: Bool = false, epoch: String, on connection: PostgresConnection
    ) async throws -> [[UInt8]] {
        guard !rooms.isEmpty else { return [] }
        let rows = try await connection.execute(namingAll ? Self.selectNamingAll : Self.select, [rooms, seqs])
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

    private static func statement(reactions: String) -> PostgresStatement {
        PostgresStatement(
            unsafeSQL: """
                SELECT m.seq, m.sender_id, m.body, m.sent_at, m.client_id, m.reply_to, m.rev, m.edited_at, m.deleted_at, \(reactions),
                    m.mentions, r.name
                FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS w (room_id, seq, ord)
                CROSS JOIN LATERAL (SELECT m.* FROM everline.messages m WHERE m.room_id = w.room_id AND m.seq = w.seq OFFSET 0) m
                JOIN everline.rooms r ON r.id = m.room_id
                ORDER BY w.ord
                """, prepared: true)
    }
    private static let select = statement(reactions: "m.reactions")
    /// As `everline.revise` makes what readers see, without its bound.
    private static let selectNamingAll = statement(
        reactions: """
            CASE WHEN m.reactions IS NOT NULL THEN (
                SELECT jsonb_agg(jsonb_build_object('reaction', g.reaction, 'count', g.count, 'users', g.users) ORDER BY g.first, g.reaction)
                FROM (SELECT x.reaction, count(*) AS count, min(x.at) AS first, array_agg(u.username ORDER BY x.at, u.username) AS users
                    FROM everline.reactions x JOIN everline.users u ON u.id = x.user_id
                    WHERE x.room_id = m.room_id AND x.seq = m.seq GROUP BY x.reaction) g
            ) END
            """)
}

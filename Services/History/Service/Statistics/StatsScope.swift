import EverlinePostgres
import EverlineProtocol
import EverlineReading

/// The rooms that are counted, as one snapshot has them.
struct StatsScope: Sendable {
    let epoch: String
    let rooms: [Int64]
    let names: [String]
    let titles: [String?]
    /// The last number and revision of each that are in the rollups.
    let counted: [Int64]
    let countedRevs: [Int64]
    /// Whether there is anything that is not.
    let isBehind: Bool

    /// - Throws: `room.not_found`, also for a room that the user may not know of.
    static func read(room: String?, reader user: Int64, on connection: PostgresConnection) async throws -> StatsScope {
        let rows = try await connection.execute(select, [user, room])
        if room != nil, rooms(rows) == 0 { throw RPCError(.roomNotFound) }
        return StatsScope(
            epoch: try rows.decode(0, 0), rooms: try rows.decode(0, 1), names: try rows.decode(0, 2),
            titles: try rows.decode(0, 3),
            counted: try rows.decode(0, 4), countedRevs: try rows.decode(0, 5), isBehind: try rows.decode(0, 6))
    }

    private static func rooms(_ rows: PostgresRows) -> Int { (try? rows.decode(0, 1, as: [Int64].self).count) ?? 0 }

    private static let select = PostgresStatement(
        unsafeSQL: """
            SELECT (SELECT e.generation || '-' || e.token FROM everline.epoch e), coalesce(array_agg(q.id ORDER BY q.id), '{}'),
                coalesce(array_agg(q.name ORDER BY q.id), '{}'), coalesce(array_agg(q.title ORDER BY q.id), '{}'),
                coalesce(array_agg(q.seq ORDER BY q.id), '{}'), coalesce(array_agg(q.rev ORDER BY q.id), '{}'),
                coalesce(bool_or(q.seq <> q.last_seq OR q.rev <> q.last_rev), false)
            FROM (SELECT r.id, r.name, r.title, coalesce(p.seq, 0) AS seq, coalesce(p.rev, 0) AS rev, c.last_seq, c.last_rev
                FROM everline.rooms r
                JOIN everline.room_counters c ON c.room_id = r.id
                LEFT JOIN everline.search_progress p ON p.room_id = r.id
                WHERE (c.last_seq > 0 OR $2 IS NOT NULL) AND ($2::text IS NULL OR r.name = $2) AND \(ReadableRooms.condition)) q
            """, prepared: true)
}

import EverlinePostgres

/// Counts the messages of rooms a piece at a time: what is new first, then everything again and again, a bounded amount each look.
struct RoomLook: Sendable {
    /// By room: up to which number there is no hole.
    private var checked: [Int64: Int64] = [:]
    /// The room that is counted anew from its beginning next.
    private var turn: Int64 = 0

    private static let rooms = 200
    private static let numbers: Int64 = 10_000

    private static let counters = PostgresStatement(
        "SELECT c.room_id, c.last_seq, c.last_rev FROM everline.room_counters c ORDER BY c.room_id LIMIT 100000")
    private static let count = PostgresStatement(
        """
        SELECT r.id, r.low, least(r.high, c.last_seq), (SELECT count(*) FROM everline.messages m WHERE m.room_id = r.id AND m.seq BETWEEN r.low AND least(r.high, c.last_seq))
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (id, low, high) JOIN everline.room_counters c ON c.room_id = r.id
        """)

    mutating func look(_ session: PostgresSession) async throws -> [RoomNumbers] {
        let rows = try await session.execute(Self.counters)
        var rooms: [RoomNumbers] = []
        for row in 0..<rows.count {
            rooms.append(
                RoomNumbers(
                    id: try rows.decode(row, 0), lastSeq: try rows.decode(row, 1), lastRev: try rows.decode(row, 2), from: 1,
                    to: 0, found: 0))
        }
        for room in rooms where (checked[room.id] ?? 0) > room.lastSeq { checked[room.id] = 0 }
        var due = rooms.indices.filter { rooms[$0].lastSeq > (checked[rooms[$0].id] ?? 0) }.prefix(Self.rooms)
        if due.isEmpty, let next = rooms.indices.first(where: { rooms[$0].id > turn }) ?? rooms.indices.first {
            turn = rooms[next].id
            checked[turn] = 0
            due = [next]
        }
        let low = due.map { (checked[rooms[$0].id] ?? 0) + 1 }
        let high = zip(due, low).map { min(rooms[$0].lastSeq, $1 + Self.numbers - 1) }
        guard !due.isEmpty else { return rooms }
        let counted = try await session.execute(Self.count, [due.map { rooms[$0].id }, low, high], deadline: .seconds(20))
        let places = Dictionary(due.map { (rooms[$0].id, $0) }) { first, _ in first }
        for row in 0..<counted.count {
            guard let place = places[try counted.decode(row, 0)] else { continue }
            rooms[place].from = try counted.decode(row, 1)
            rooms[place].to = try counted.decode(row, 2)
            rooms[place].found = try counted.decode(row, 3)
            checked[rooms[place].id] = max(0, rooms[place].to)
        }
        return rooms
    }
}

import EverlinePostgres

/// What of a room is to be indexed next.
struct IndexRange: Sendable {
    let room: Int64
    /// The last number and revision that are indexed.
    let after: Int64
    let afterRev: Int64
    /// The last of the room.
    let last: Int64
    let lastRev: Int64
    /// The last number to index now.
    var upTo: Int64

    /// Rooms that have something new. One whose counter fell behind what is indexed (tables were put back by hand, a restore takes everything back at once)
    /// begins anew.
    static func all(on connection: PostgresConnection) async throws -> [IndexRange] {
        let rows = try await connection.query(
            """
            SELECT c.room_id, coalesce(p.seq, 0), coalesce(p.rev, 0), c.last_seq, c.last_rev
            FROM everline.room_counters c LEFT JOIN everline.search_progress p ON p.room_id = c.room_id
            WHERE c.last_seq <> coalesce(p.seq, 0) OR c.last_rev <> coalesce(p.rev, 0)
            ORDER BY c.room_id
            """, deadline: .seconds(30))
        var ranges: [IndexRange] = []
        for row in rows {
            let room: Int64 = try row[0].decode()
            var (after, afterRev): (Int64, Int64) = (try row[1].decode(), try row[2].decode())
            let (last, lastRev): (Int64, Int64) = (try row[3].decode(), try row[4].decode())
            if last < after || lastRev < afterRev {
                try await connection.query("DELETE FROM everline.room_days WHERE room_id = \(room)")
                try await connection.query("DELETE FROM everline.room_weeks WHERE room_id = \(room)")
                try await connection.query("DELETE FROM everline.room_day_details WHERE room_id = \(room)")
                try await connection.query("DELETE FROM everline.search_progress WHERE room_id = \(room)")
                (after, afterRev) = (0, 0)
            }
            ranges.append(IndexRange(room: room, after: after, afterRev: afterRev, last: last, lastRev: lastRev, upTo: last))
        }
        return ranges
    }

    /// About `count` messages of all rooms that were sent before the others, so that a block holds what was said at one time.
    static func oldest(_ count: Int64, of ranges: [IndexRange], on connection: PostgresConnection) async throws -> [IndexRange] {
        func messages(_ ranges: [IndexRange]) -> Int64 { ranges.reduce(0) { $0 + max(0, $1.upTo - $1.after) } }
        guard messages(ranges) > count else { return ranges }
        let waiting = ranges.filter { $0.last > $0.after }
        if waiting.count == 1 {
            return ranges.map { $0.last > $0.after ? $0.limited(to: min($0.last, $0.after + count)) : $0 }
        }
        let (rooms, next) = (waiting.map(\.room), waiting.map { $0.after + 1 })
        guard
            let first: PostgresTimestamp = try await connection.query(
                """
                SELECT min(m.sent_at) FROM unnest(\(rooms)::bigint[], \(next)::bigint[]) AS w (room_id, seq)
                JOIN everline.messages m ON m.room_id = w.room_id AND m.seq = w.seq
                """, deadline: .seconds(60)
            ).decode(0, 0, as: PostgresTimestamp?.self)
        else { return ranges }
        var low = first.microseconds
        var high: Int64 = try await connection.query(
            "SELECT max(last_sent_at) FROM everline.room_counters WHERE room_id = ANY(\(rooms))", deadline: .seconds(60)
        ).decode(0, 0, as: PostgresTimestamp.self).microseconds
        var best = ranges
        // Half of the time that is left at each step; enough of them for a year's milliseconds.
        for _ in 0..<36 where high - low > 1_000 {
            let middle = low + (high - low) / 2
            let reached = try await connection.query(
                """
                SELECT w.room_id, (SELECT m.seq FROM everline.messages m WHERE m.room_id = w.room_id
                    AND m.sent_at <= \(PostgresTimestamp(microseconds: middle)) ORDER BY m.sent_at DESC, m.seq DESC LIMIT 1)
                FROM unnest(\(rooms)::bigint[]) AS w (room_id)
                """, deadline: .seconds(60))
            var last: [Int64: Int64] = [:]
            for row in reached { last[try row[0].decode()] = try row[1].decode(as: Int64?.self) ?? 0 }
            let limited = ranges.map { $0.limited(to: max($0.after, min($0.last, last[$0.room] ?? $0.last))) }
            let found = messages(limited)
            if found > count {
                high = middle
                best = limited
            } else if found < count / 2 {
                low = middle
            } else {
                return limited
            }
        }
        // Many of one moment: as many of them as there may be, whichever.
        var left = count
        return best.map { range in
            let taken = min(left, max(0, range.upTo - range.after))
            left -= taken
            return range.limited(to: range.after + taken)
        }
    }

    private func limited(to seq: Int64) -> IndexRange {
        var range = self
        range.upTo = seq
        return range
    }
}

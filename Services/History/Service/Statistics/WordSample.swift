import EverlineAnalysis
import EverlinePostgres
import EverlineProtocol

/// The messages that words are counted in: all of a period, or as many as are read in little time, evenly spread over its numbers.
struct WordSample {
    let scope: StatsScope
    let connection: PostgresConnection

    /// Of a period.
    private static let most: Int64 = 10_000
    private static let shown = 20

    private struct Range {
        let room: Int64
        let first: Int64
        let last: Int64
    }

    /// - Parameters: milliseconds since 1970: where the period before begins, and this one, and where this one ends.
    func words(_ before: Int64, _ since: Int64, _ until: Int64) async throws -> StatsResult.Words {
        var counts = WordCounts()
        var (read, of): (Int64, Int64) = (0, 0)
        for (from, to, isNow) in [(before, since, false), (since, until, true)] {
            let ranges = try await ranges(from, to)
            let messages = ranges.reduce(0) { $0 + $1.last - $1.first + 1 }
            let step = max(1, (messages + Self.most - 1) / Self.most)
            let parameters: PostgresParameters = [ranges.map(\.room), ranges.map(\.first), ranges.map(\.last), step]
            for row in try await connection.execute(Self.select, parameters, deadline: .seconds(8)) {
                counts.add(try row[0].decode(), isNow: isNow)
                read += 1
            }
            // Deleted ones have numbers and no words.
            of += messages
        }
        let rising = counts.rising(Self.shown).map {
            StatsResult.RisingWord(word: $0.word, messages: Int64($0.now), messagesBefore: Int64($0.before))
        }
        return StatsResult.Words(rising: rising, read: read, of: of)
    }

    private func ranges(_ from: Int64, _ to: Int64) async throws -> [Range] {
        let (from, to) = (PostgresTimestamp(microseconds: from * 1_000), PostgresTimestamp(microseconds: to * 1_000))
        return try await connection.execute(Self.selectRanges, [scope.rooms, from, to], deadline: .seconds(8)).map { row in
            Range(room: try row[0].decode(), first: try row[1].decode(), last: try row[2].decode())
        }
    }

    // Numbers and times go up together.
    private static let selectRanges = PostgresStatement(
        """
        SELECT w.room_id, f.seq, l.seq FROM unnest($1::bigint[]) AS w (room_id)
        CROSS JOIN LATERAL (SELECT m.seq FROM everline.messages m WHERE m.room_id = w.room_id AND m.sent_at >= $2 AND m.sent_at < $3
            ORDER BY m.sent_at, m.seq LIMIT 1) f
        CROSS JOIN LATERAL (SELECT m.seq FROM everline.messages m WHERE m.room_id = w.room_id AND m.sent_at >= $2 AND m.sent_at < $3
            ORDER BY m.sent_at DESC, m.seq DESC LIMIT 1) l
        """)
    // The beginning of a text says what it is about, and bounds what one costs.
    private static let select = PostgresStatement(
        """
        SELECT left(m.body, 500) FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (room_id, first, last)
        CROSS JOIN LATERAL generate_series(w.first, w.last, $4) AS n (seq)
        CROSS JOIN LATERAL (SELECT m.body, m.deleted_at FROM everline.messages m WHERE m.room_id = w.room_id AND m.seq = n.seq OFFSET 0) m
        WHERE m.deleted_at IS NULL
        """)
}

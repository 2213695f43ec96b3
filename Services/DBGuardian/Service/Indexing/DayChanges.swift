import EverlineAnalysis
import EverlinePostgres

/// What a batch changes in the rollups.
struct DayChanges {
    private struct Key: Hashable {
        let room: Int64
        let day: Int64
    }
    private var changes: [Key: RoomDay] = [:]

    /// - Parameter quarter: since 1970.
    mutating func count(_ room: Int64, _ quarter: Int64, _ sender: Int64, _ more: Int) {
        let day = RoomDay.day(ofQuarter: quarter)
        changes[Key(room: room, day: day), default: RoomDay()].count(quarter: Int(quarter - day * 96), sender: sender, more)
    }
    mutating func count(response time: Int, _ room: Int64, _ quarter: Int64) {
        let day = RoomDay.day(ofQuarter: quarter)
        changes[Key(room: room, day: day), default: RoomDay()].count(response: time, quarter: Int(quarter - day * 96))
    }

    func store(on connection: PostgresConnection) async throws {
        guard !changes.isEmpty else { return }
        let keys = changes.keys.sorted { ($0.room, $0.day) < ($1.room, $1.day) }
        var all = changes
        let rows = try await connection.execute(
            Self.select, [keys.map(\.room), keys.map(\.day)], deadline: .seconds(60))
        for (index, row) in rows.enumerated() {
            let key = Key(room: try row[0].decode(), day: try row[1].decode())
            guard let change = changes[key], var sum = rows.withBytes(index, 2, { $0.flatMap { RoomDay(detail: $0) } }) else {
                throw GuardianError("the statistics of room \(key.room), day \(key.day), cannot be read")
            }
            for (cell, count) in change.messages { sum.count(quarter: cell.quarter, sender: cell.sender, count) }
            for (response, count) in change.responses {
                for _ in 0..<count { sum.count(response: response.time, quarter: response.quarter) }
            }
            all[key] = sum
        }
        let days = keys.map { all[$0] ?? RoomDay() }
        guard !days.contains(where: { $0.messages.values.contains { $0 < 0 } }) else {
            throw GuardianError("the statistics count fewer than no messages")
        }
        try await connection.execute(
            Self.putDetails, [keys.map(\.room), keys.map(\.day), days.map(\.detail)], deadline: .seconds(60))
        try await connection.execute(
            Self.putDays,
            [keys.map(\.room), keys.map(\.day), days.map(\.quarterBytes), days.map(\.senderBytes), days.map(\.responseBytes)],
            deadline: .seconds(60))
    }

    private static let select = PostgresStatement(
        """
        SELECT d.room_id, d.day, d.detail FROM unnest($1::bigint[], $2::bigint[]) AS k (room_id, day)
        JOIN everline.room_day_details d ON d.room_id = k.room_id AND d.day = k.day
        """)
    private static let putDetails = PostgresStatement(
        """
        INSERT INTO everline.room_day_details (room_id, day, detail) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])
        ON CONFLICT (room_id, day) DO UPDATE SET detail = excluded.detail
        """)
    private static let putDays = PostgresStatement(
        """
        INSERT INTO everline.room_days (room_id, day, quarters, senders, responses)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])
        ON CONFLICT (room_id, day) DO UPDATE SET quarters = excluded.quarters, senders = excluded.senders, responses = excluded.responses
        """)
}

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
        try await storeWeeks(on: connection)
    }

    /// The sums of the weeks that these days are in, made anew from all of their days.
    private func storeWeeks(on connection: PostgresConnection) async throws {
        var weeks: [Key: RoomWeek] = [:]
        for key in changes.keys { weeks[Key(room: key.room, day: RoomWeek.week(ofDay: key.day))] = RoomWeek() }
        let keys = weeks.keys.sorted { ($0.room, $0.day) < ($1.room, $1.day) }
        let firstDays = keys.map { RoomWeek.firstDay(of: $0.day) }
        let rows = try await connection.execute(Self.selectDays, [keys.map(\.room), firstDays], deadline: .seconds(60))
        for (index, row) in rows.enumerated() {
            let (room, day): (Int64, Int64) = (try row[0].decode(), try row[1].decode())
            let key = Key(room: room, day: RoomWeek.week(ofDay: day))
            let isWell = rows.withBytes(index, 2) { quarters in
                rows.withBytes(index, 3) { senders in
                    rows.withBytes(index, 4) { responses in
                        guard let quarters, let senders, let responses else { return false }
                        return weeks[key]?.add(
                            weekday: Int(day - RoomWeek.firstDay(of: key.day)), quarters: quarters, senders: senders,
                            responses: responses) ?? false
                    }
                }
            }
            guard isWell else { throw GuardianError("the statistics of room \(room), day \(day), cannot be read") }
        }
        let sums = keys.map { weeks[$0] ?? RoomWeek() }
        try await connection.execute(
            Self.putWeeks,
            [keys.map(\.room), keys.map(\.day), sums.map(\.hourBytes), sums.map(\.senderBytes), sums.map(\.responseBytes)],
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
    private static let selectDays = PostgresStatement(
        """
        SELECT d.room_id, d.day, d.quarters, d.senders, d.responses FROM unnest($1::bigint[], $2::bigint[]) AS k (room_id, first)
        JOIN everline.room_days d ON d.room_id = k.room_id AND d.day >= k.first AND d.day < k.first + 7
        """)
    private static let putWeeks = PostgresStatement(
        """
        INSERT INTO everline.room_weeks (room_id, week, hours, senders, responses)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])
        ON CONFLICT (room_id, week) DO UPDATE SET hours = excluded.hours, senders = excluded.senders, responses = excluded.responses
        """)
    private static let putDays = PostgresStatement(
        """
        INSERT INTO everline.room_days (room_id, day, quarters, senders, responses)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])
        ON CONFLICT (room_id, day) DO UPDATE SET quarters = excluded.quarters, senders = excluded.senders, responses = excluded.responses
        """)
}

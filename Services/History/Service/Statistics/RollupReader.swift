import EverlineAnalysis
import EverlinePostgres
import EverlineProtocol

/// Counts a range of time: whole weeks and days from the sums, the quarters at its ends from the details, what is less than a quarter or not in the rollups yet from
/// the messages themselves.
struct RollupReader {
    let scope: StatsScope
    let connection: PostgresConnection
    let local: LocalTime

    struct Period {
        let since: Int64
        let until: Int64
        /// `nil` for the whole as one.
        let bucket: StatsParams.Bucket?

        /// The quarters that are wholly in it; none if the range is empty.
        fileprivate var first: Int64 { RoomDay.quarter(ofMilliseconds: since + RoomDay.quarterMilliseconds - 1) }
        fileprivate var last: Int64 { RoomDay.quarter(ofMilliseconds: until) }
        fileprivate var touched: Range<Int64> {
            RoomDay.quarter(ofMilliseconds: since)..<RoomDay.quarter(ofMilliseconds: until - 1) + 1
        }
        fileprivate var isWhole: Bool {
            since % RoomDay.quarterMilliseconds == 0 && until % RoomDay.quarterMilliseconds == 0
        }
    }

    /// What is asked for a period.
    private struct Part {
        enum Kind { case weeks, days, details, loose, looseResponses }
        let kind: Kind
        let period: Int
        let query: PostgresQuery
    }

    /// All that is needed of all periods is asked in one go.
    func count(_ periods: [Period]) async throws -> [Tally] {
        var tallies = periods.map { period in
            let touched = period.touched
            return Tally(
                period.bucket.map { local.boundaries($0, touched) } ?? [touched.lowerBound, touched.upperBound], local)
        }
        guard !scope.rooms.isEmpty else { return tallies }
        var parts: [Part] = []
        var gone: [[Cell: Int]] = []
        for (index, period) in periods.enumerated() {
            gone.append(scope.isBehind ? try await deleted(since: period.first, until: period.last) : [:])
            parts += self.parts(period, index, tallies[index], gone[index])
        }
        let answers = await connection.pipeline(parts.map(\.query), deadline: .seconds(8))
        for (part, answer) in zip(parts, answers) {
            let (rows, period) = (try answer.get(), periods[part.period])
            switch part.kind {
            case .weeks: try Self.add(rows, Tally.Span.week, to: &tallies[part.period])
            case .days: try Self.add(rows, Tally.Span.day, to: &tallies[part.period])
            case .details:
                try Self.addDetails(rows, period.first..<period.last, without: gone[part.period], to: &tallies[part.period])
            case .loose: try Self.addLoose(rows, to: &tallies[part.period])
            case .looseResponses: try Self.addLooseResponses(rows, to: &tallies[part.period])
            }
        }
        return tallies
    }

    private func parts(_ period: Period, _ index: Int, _ tally: Tally, _ gone: [Cell: Int]) -> [Part] {
        var parts: [Part] = []
        let (first, last) = (period.first, period.last)
        if first < last {
            let days = RoomDay.day(ofQuarter: first)...RoomDay.day(ofQuarter: last - 1)
            let detailed =
                period.bucket == .hour ? Array(days) : detailedDays(first..<last, period.bucket, tally.boundaries, gone)
            switch period.bucket {
            case .hour: break
            case .day:
                let parameters: PostgresParameters = [scope.rooms, days.lowerBound, days.upperBound, detailed]
                parts.append(Part(kind: .days, period: index, query: PostgresQuery(Self.selectDays, parameters)))
            case .week, nil:
                let weeks = wholeWeeks(days, tally, without: detailed)
                let detailed = Set(detailed)
                let single = days.filter { !detailed.contains($0) && !weeks.contains(RoomWeek.week(ofDay: $0)) }
                if !weeks.isEmpty {
                    let query = PostgresQuery(Self.selectWeeks, [scope.rooms, Array(weeks)])
                    parts.append(Part(kind: .weeks, period: index, query: query))
                }
                if !single.isEmpty {
                    let query = PostgresQuery(Self.selectSingleDays, [scope.rooms, single])
                    parts.append(Part(kind: .days, period: index, query: query))
                }
            }
            if !detailed.isEmpty {
                let query =
                    period.bucket == .hour
                    ? PostgresQuery(Self.selectDetailRange, [scope.rooms, days.lowerBound, days.upperBound])
                    : PostgresQuery(Self.selectDetails, [scope.rooms, detailed])
                parts.append(Part(kind: .details, period: index, query: query))
            }
        }
        if scope.isBehind || !period.isWhole {
            // Where there is no whole quarter, all of it is loose.
            let (low, high) =
                first < last ? (Self.time(first), Self.time(last)) : (Self.moment(period.until), Self.moment(period.until))
            let parameters: PostgresParameters = [
                scope.rooms, scope.counted, Self.moment(period.since), Self.moment(period.until), low, high,
            ]
            parts.append(Part(kind: .loose, period: index, query: PostgresQuery(Self.selectLoose, parameters)))
            parts.append(Part(kind: .looseResponses, period: index, query: PostgresQuery(Self.selectLooseResponses, parameters)))
        }
        return parts
    }

    /// Those whose days all count, and that can be counted as one.
    private func wholeWeeks(_ days: ClosedRange<Int64>, _ tally: Tally, without detailed: [Int64]) -> Set<Int64> {
        let broken = Set(detailed.map(RoomWeek.week(ofDay:)))
        let weeks = RoomWeek.week(ofDay: days.lowerBound)...RoomWeek.week(ofDay: days.upperBound)
        return Set(
            weeks.filter {
                RoomWeek.firstDay(of: $0) >= days.lowerBound && RoomWeek.firstDay(of: $0) + 6 <= days.upperBound
                    && !broken.contains($0) && tally.countsWhole(week: $0)
            })
    }

    private struct Cell: Hashable {
        let room: Int64
        let quarter: Int64
        let sender: Int64
    }

    /// Days that are not counted whole, have more than one boundary inside, or lost a message since they were summed up.
    private func detailedDays(_ range: Range<Int64>, _ bucket: StatsParams.Bucket?, _ boundaries: [Int64], _ gone: [Cell: Int])
        -> [Int64]
    {
        var found: Set<Int64> = []
        if range.lowerBound % 96 != 0 { found.insert(RoomDay.day(ofQuarter: range.lowerBound)) }
        if range.upperBound % 96 != 0 { found.insert(RoomDay.day(ofQuarter: range.upperBound)) }
        for (one, next) in zip(boundaries, boundaries.dropFirst()) {
            let day = RoomDay.day(ofQuarter: one)
            if one % 96 != 0, day == RoomDay.day(ofQuarter: next) { found.insert(day) }
        }
        for cell in gone.keys { found.insert(RoomDay.day(ofQuarter: cell.quarter)) }
        return found.sorted()
    }

    private static func add(_ rows: PostgresRows, _ span: (Int64) -> Tally.Span, to tally: inout Tally) throws {
        var isWell = true
        rows.forEachRow(0..<rows.count) { cells in
            isWell =
                tally.add(
                    Self.integer(cells[0]), span(Self.integer(cells[1])), parts: cells[2], people: cells[3], times: cells[4])
                && isWell
        }
        guard isWell else { throw PostgresError(.usage, "a sum of the statistics cannot be read") }
    }

    private static func addDetails(
        _ rows: PostgresRows, _ range: Range<Int64>, without gone: [Cell: Int], to tally: inout Tally
    ) throws {
        var isWell = true
        rows.forEachRow(0..<rows.count) { cells in
            let (room, start) = (Self.integer(cells[0]), Self.integer(cells[1]) * 96)
            // Its cells come by quarter.
            var (quarter, sum, place) = (Int64.min, 0, tally.place(of: start))
            let read = RoomDay.each(of: cells[2]) { at, sender, count in
                let now = start + Int64(at)
                guard range.contains(now) else { return }
                if now != quarter {
                    if sum > 0 { tally.add(room: room, sum, at: place) }
                    (quarter, sum, place) = (now, 0, tally.place(of: now))
                }
                let less = gone.isEmpty ? 0 : gone[Cell(room: room, quarter: now, sender: sender)] ?? 0
                if count > less {
                    sum += count - less
                    tally.add(sender: sender, count - less, at: place)
                }
            } response: { at, time, count in
                if range.contains(start + Int64(at)) { tally.add(response: time, count) }
            }
            if sum > 0 { tally.add(room: room, sum, at: place) }
            isWell = isWell && read
        }
        guard isWell else { throw PostgresError(.usage, "a day of the statistics cannot be read") }
    }

    /// Messages in the rollups that were deleted since.
    private func deleted(since first: Int64, until last: Int64) async throws -> [Cell: Int] {
        var found: [Cell: Int] = [:]
        guard first < last else { return found }
        let rows = try await connection.execute(
            Self.selectDeleted, [scope.rooms, scope.countedRevs, scope.counted, Self.time(first), Self.time(last)],
            deadline: .seconds(5))
        for row in rows {
            let milliseconds = try row[2].decode(as: PostgresTimestamp.self).milliseconds
            found[
                Cell(
                    room: try row[0].decode(), quarter: RoomDay.quarter(ofMilliseconds: milliseconds), sender: try row[1].decode()
                ),
                default: 0] += 1
        }
        return found
    }

    private static func addLoose(_ rows: PostgresRows, to tally: inout Tally) throws {
        for row in rows {
            let (place, count) = (tally.place(of: try row[2].decode()), try row[3].decode(as: Int.self))
            tally.add(room: try row[0].decode(), count, at: place)
            tally.add(sender: try row[1].decode(), count, at: place)
        }
    }

    private static func addLooseResponses(_ rows: PostgresRows, to tally: inout Tally) throws {
        for row in rows {
            if let time = ResponseTime.of(try row[0].decode(as: Int64.self) * 1_000) {
                tally.add(response: time, try row[1].decode())
            }
        }
    }

    private static func time(_ quarter: Int64) -> PostgresTimestamp { moment(quarter * RoomDay.quarterMilliseconds) }
    private static func moment(_ milliseconds: Int64) -> PostgresTimestamp {
        PostgresTimestamp(microseconds: milliseconds * 1_000)
    }
    private static func integer(_ cell: UnsafeRawBufferPointer) -> Int64 { Int64(bigEndian: cell.loadUnaligned(as: Int64.self)) }

    private static let selectDays = PostgresStatement(
        """
        SELECT d.room_id, d.day, d.quarters, d.senders, d.responses
        FROM unnest($1::bigint[]) AS w (room_id)
        CROSS JOIN LATERAL (SELECT d.* FROM everline.room_days d WHERE d.room_id = w.room_id AND d.day BETWEEN $2 AND $3 OFFSET 0) d
        WHERE d.day <> ALL ($4)
        """)
    private static let selectSingleDays = PostgresStatement(
        """
        SELECT d.room_id, d.day, d.quarters, d.senders, d.responses
        FROM unnest($1::bigint[]) AS w (room_id)
        CROSS JOIN LATERAL (SELECT d.* FROM everline.room_days d WHERE d.room_id = w.room_id AND d.day = ANY ($2) OFFSET 0) d
        """)
    private static let selectWeeks = PostgresStatement(
        """
        SELECT d.room_id, d.week, d.hours, d.senders, d.responses
        FROM unnest($1::bigint[]) AS w (room_id)
        CROSS JOIN LATERAL (SELECT d.* FROM everline.room_weeks d WHERE d.room_id = w.room_id AND d.week = ANY ($2) OFFSET 0) d
        """)
    private static let selectDetailRange = PostgresStatement(
        """
        SELECT d.room_id, d.day, d.detail FROM unnest($1::bigint[]) AS w (room_id)
        CROSS JOIN LATERAL (SELECT d.* FROM everline.room_day_details d WHERE d.room_id = w.room_id AND d.day BETWEEN $2 AND $3 OFFSET 0) d
        """)
    private static let selectDetails = PostgresStatement(
        """
        SELECT d.room_id, d.day, d.detail FROM unnest($1::bigint[]) AS w (room_id) CROSS JOIN unnest($2::bigint[]) AS n (day)
        CROSS JOIN LATERAL (SELECT d.* FROM everline.room_day_details d WHERE d.room_id = w.room_id AND d.day = n.day OFFSET 0) d
        """)
    private static let selectDeleted = PostgresStatement(
        """
        SELECT m.room_id, m.sender_id, m.sent_at
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (room_id, after_rev, up_to)
        CROSS JOIN LATERAL (SELECT v.* FROM everline.revisions v WHERE v.room_id = w.room_id AND v.rev > w.after_rev OFFSET 0) v
        JOIN everline.messages m ON m.room_id = v.room_id AND m.seq = v.seq
        WHERE v.kind = 'delete' AND v.seq <= w.up_to AND m.sent_at >= $4 AND m.sent_at < $5
        """)
    // $1 rooms, $2 their last numbers in the rollups, $3 and $4 the range, $5 and $6 the whole quarters in it. What is not in the rollups is read by number,
    // the ends by time; OFFSET 0 keeps the planner from doing it the other way, over all of a room.
    private static let loose = """
        SELECT m.room_id, m.seq, m.sender_id, m.sent_at, m.deleted_at FROM unnest($1::bigint[], $2::bigint[]) AS w (room_id, after)
        CROSS JOIN LATERAL (SELECT m.* FROM everline.messages m WHERE m.room_id = w.room_id AND m.seq > w.after OFFSET 0) m
        WHERE m.sent_at >= $3 AND m.sent_at < $4
        UNION ALL
        SELECT m.room_id, m.seq, m.sender_id, m.sent_at, m.deleted_at FROM unnest($1::bigint[], $2::bigint[]) AS w (room_id, after)
        CROSS JOIN LATERAL (SELECT m.* FROM everline.messages m
            WHERE m.room_id = w.room_id AND m.sent_at >= $3 AND m.sent_at < $5 OFFSET 0) m
        WHERE m.seq <= w.after
        UNION ALL
        SELECT m.room_id, m.seq, m.sender_id, m.sent_at, m.deleted_at FROM unnest($1::bigint[], $2::bigint[]) AS w (room_id, after)
        CROSS JOIN LATERAL (SELECT m.* FROM everline.messages m
            WHERE m.room_id = w.room_id AND m.sent_at >= $6 AND m.sent_at < $4 OFFSET 0) m
        WHERE m.seq <= w.after
        """
    private static let selectLoose = PostgresStatement(
        unsafeSQL: """
            SELECT m.room_id, m.sender_id, floor(extract(epoch FROM m.sent_at) / 900)::bigint, count(*)
            FROM (\(loose)) m WHERE m.deleted_at IS NULL GROUP BY 1, 2, 3
            """, prepared: true)
    private static let selectLooseResponses = PostgresStatement(
        unsafeSQL: """
            SELECT floor(extract(epoch FROM m.sent_at - p.sent_at))::bigint, count(*)
            FROM (\(loose)) m JOIN everline.messages p ON p.room_id = m.room_id AND p.seq = m.seq - 1
            WHERE p.sender_id <> m.sender_id AND m.sent_at < p.sent_at + interval '1 hour' GROUP BY 1
            """, prepared: true)
}

import EverlineAnalysis
import EverlinePostgres
import EverlineProtocol

/// Counts what somebody may read.
struct Statistics: Sendable {
    let sources: Sources

    private static let top = 20
    private static let selectNames = PostgresStatement("SELECT id, username, display_name FROM everline.users WHERE id = ANY($1)")

    func read(_ params: StatsParams, reader user: Int64) async throws -> StatsResult {
        let (since, until) = (params.since.milliseconds, params.until.milliseconds)
        let before = since - (until - since)
        let local = try LocalTime(
            params.timeZone, RoomDay.quarter(ofMilliseconds: before)..<RoomDay.quarter(ofMilliseconds: until) + 1)
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try await sources.snapshot { connection in
                let scope = try await StatsScope.read(room: params.room, reader: user, on: connection)
                if let epoch = params.epoch, epoch != scope.epoch { throw RPCError(.epochChanged) }
                let reader = RollupReader(scope: scope, connection: connection, local: local)
                let tallies = try await reader.count([
                    .init(since: since, until: until, bucket: params.bucket),
                    .init(since: before, until: since, bucket: nil),
                ])
                let words =
                    params.words ? try await WordSample(scope: scope, connection: connection).words(before, since, until) : nil
                return try await result(tallies[0], tallies[1], words, scope, connection)
            }
        }
    }

    private func result(
        _ tally: Tally, _ before: Tally, _ words: StatsResult.Words?, _ scope: StatsScope, _ connection: PostgresConnection
    ) async throws -> StatsResult {
        let senders = tally.senders.most(Self.top)
        var names: [Int64: (String, String)] = [:]
        for row in try await connection.execute(Self.selectNames, [senders.map(\.id)]) {
            names[try row[0].decode()] = (try row[1].decode(), try row[2].decode())
        }
        let places = Dictionary(zip(scope.rooms, scope.rooms.indices), uniquingKeysWith: { first, _ in first })
        let total = tally.messages.reduce(0, +)
        let earlier = before.messages.reduce(0, +)
        return StatsResult(
            messages: Int64(total), senders: Int64(tally.senders.present), rooms: Int64(tally.rooms.present),
            buckets: tally.messages.indices.map { index in
                StatsResult.Bucket(
                    at: Timestamp(milliseconds: tally.boundaries[index] * RoomDay.quarterMilliseconds),
                    messages: Int64(tally.messages[index]), senders: Int64(tally.senders.present(in: index)),
                    rooms: Int64(tally.rooms.present(in: index)))
            },
            topSenders: senders.compactMap { one in
                names[one.id].map { StatsResult.TopSender(username: $0.0, displayName: $0.1, messages: Int64(one.messages)) }
            },
            topRooms: tally.rooms.most(Self.top).compactMap { one in
                places[one.id].map {
                    StatsResult.TopRoom(room: scope.names[$0], title: scope.titles[$0], messages: Int64(one.messages))
                }
            },
            hourWeekday: (0..<7).map { Array(tally.hourWeekday[$0 * 24..<$0 * 24 + 24]) },
            growth: StatsResult.Growth(
                messagesBefore: Int64(earlier), sendersBefore: Int64(before.senders.present),
                roomsBefore: Int64(before.rooms.present),
                change: earlier == 0 ? nil : Double(total - earlier) / Double(earlier)),
            responseSeconds: Self.quantiles(tally.responses), words: words, epoch: scope.epoch)
    }

    private static func quantiles(_ counts: [Int]) -> StatsResult.ResponseSeconds? {
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        /// The least time that this share of responses did not exceed.
        func quantile(_ share: Double) -> Int64 {
            let wanted = max(1, Int((Double(total) * share).rounded(.up)))
            var sum = 0
            for (time, count) in counts.enumerated() {
                sum += count
                if sum >= wanted { return Int64(ResponseTime.seconds(time)) }
            }
            return 0
        }
        return StatsResult.ResponseSeconds(median: quantile(0.5), p90: quantile(0.9), count: Int64(total))
    }
}

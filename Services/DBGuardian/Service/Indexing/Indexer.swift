package import EverlinePostgres
package import Logging
import Metrics

/// Keeps what searching and statistics read, from the numbers that the counters have reached: the append knows nothing of it. Of several guardians one
/// does it at a time.
///
/// What it has not come to yet is looked at by those who ask, where it is; so being late, or not running at all, makes answers slower and never wrong.
package struct Indexer: Sendable {
    private let configuration: PostgresConfiguration
    private let logger: Logger

    /// Held by the session that indexes.
    private static let lock: Int64 = 0x4576_6572_496E_6478
    /// That many messages and revisions are looked at by each question quickly enough; fewer wait, so that blocks do not get small.
    private static let worthwhile: Int64 = 2_000
    private static let patience = Duration.seconds(3)
    private static let look = Duration.milliseconds(500)
    private static let longestWait = Duration.seconds(5)
    /// More messages a second than this are a flood: sending then goes first.
    private static let flood: Double = 1_000

    package init(_ configuration: PostgresConfiguration, logger: Logger) {
        var own = configuration
        own.onConnect = { connection in
            // What is indexed can be indexed again, so nothing waits for the disk. Reading a table from end to end is not this role's way.
            try await connection.query(
                """
                SELECT set_config('synchronous_commit', 'off', false), set_config('enable_seqscan', 'off', false),
                    set_config('jit', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false)
                """)
        }
        self.configuration = own
        self.logger = logger
    }

    package func run() async throws {
        var failures = 0
        while !Task.isCancelled {
            do {
                let connection = try await PostgresConnection.connect(configuration, logger: logger, deadline: .seconds(30))
                do {
                    try await index(on: connection) { failures = 0 }
                } catch {
                    await connection.close()
                    throw error
                }
                await connection.close()
            } catch let error as CancellationError {
                throw error
            } catch {
                if Task.isCancelled { return }
                if failures == 0 { logger.warning("indexing stopped; trying on", metadata: ["error": "\(error)"]) }
                failures += 1
                try await Task.sleep(for: .milliseconds(min(30_000, 500 << min(failures, 6))))
            }
        }
    }

    private func index(on connection: PostgresConnection, succeeded: () -> Void) async throws {
        while try await !connection.query("SELECT pg_try_advisory_lock(\(Self.lock))").decode(0, 0, as: Bool.self) {
            try await Task.sleep(for: .seconds(2))
        }
        let clock = ContinuousClock()
        var last = clock.now
        var (seen, seenAt) = (Int64(0), clock.now)
        while true {
            let (behind, counted) = try await Self.behind(connection)
            Self.lag.record(behind)
            let begun = clock.now
            let rate = Double(counted - seen) / max(0.001, (begun - seenAt) / .seconds(1))
            (seen, seenAt) = (counted, begun)
            if behind == 0 || (behind < Self.worthwhile && begun - last < Self.patience) {
                try await Task.sleep(for: Self.look)
                continue
            }
            try await giveWay(on: connection)
            let done = try await IndexBatch.write(on: connection)
            try await BlockMerging.mergeIfDue(on: connection)
            Self.indexed.increment(by: done)
            succeeded()
            last = clock.now
            // In a flood a fifth of the time; else, when far behind, most of it.
            let took = last - begun
            try await Task.sleep(for: rate > Self.flood ? max(.milliseconds(250), took * 4) : behind > 50_000 ? took / 8 : took)
        }
    }

    /// A batch is written in a second or less, but archived in no less than that: while whole segments wait for the archiver it is not the time to make
    /// more of them. An archive that stands still is waited for once a batch, and no longer than this.
    private func giveWay(on connection: PostgresConnection) async throws {
        let end = ContinuousClock.now + Self.longestWait
        while ContinuousClock.now < end, try await Self.waitingSegments(connection) > 1 {
            try await Task.sleep(for: Self.look / 5)
        }
    }

    /// How many whole segments lie behind the newest archived one.
    private static func waitingSegments(_ connection: PostgresConnection) async throws -> Int64 {
        try await connection.query(
            """
            SELECT coalesce((pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') / size)::bigint - (high * (4294967296 / size) + low) - 1, 0)
            FROM (SELECT pg_size_bytes(current_setting('wal_segment_size')) AS size,
                ('x' || substr(last_archived_wal, 9, 8))::bit(32)::bigint AS high,
                ('x' || substr(last_archived_wal, 17, 8))::bit(32)::bigint AS low
                FROM pg_stat_archiver WHERE last_archived_wal ~ '^[0-9A-F]{24}$' AND current_setting('archive_mode') <> 'off') a
            """, deadline: .seconds(30)
        ).first?[0].decode() ?? 0
    }

    /// How many messages and revisions are not indexed yet, and how many there are.
    private static func behind(_ connection: PostgresConnection) async throws -> (Int64, Int64) {
        let rows = try await connection.query(
            """
            SELECT coalesce(sum(abs(c.last_seq - coalesce(p.seq, 0)) + abs(c.last_rev - coalesce(p.rev, 0))), 0)::bigint,
                coalesce(sum(c.last_seq + c.last_rev), 0)::bigint
            FROM everline.room_counters c LEFT JOIN everline.search_progress p ON p.room_id = c.room_id
            """, deadline: .seconds(30))
        return (try rows.decode(0, 0), try rows.decode(0, 1))
    }

    private static let lag = Gauge(label: "everline_index_behind")
    private static let indexed = Counter(label: "everline_indexed_total")
}

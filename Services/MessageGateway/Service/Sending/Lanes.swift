import EverlinePostgres
import ServiceLifecycle

/// All lanes. Every gateway hashes rooms alike, so that two gateways contend for as few rows as they can.
struct Lanes: Sendable {
    let lanes: [Lane]

    func lane(of room: Int64) -> Lane { lanes[Int(UInt64(bitPattern: room) &* 0x9E37_79B9_7F4A_7C15 >> 32) % lanes.count] }

    func run() async {
        await withTaskGroup { group in
            for lane in lanes { group.addTask(executorPreference: PostgresReactor.tasks) { await lane.run() } }
            let watch = Task {
                while !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(250))
                    for lane in lanes { lane.refuseIfStuck() }
                }
            }
            await group.waitForAll()
            watch.cancel()
        }
    }

    func stop() { for lane in lanes { lane.stop() } }
}

/// The epoch as this gateway knows it: asked for once, and again when an append is refused for it.
actor EpochKeeper {
    private let pool: PostgresPool
    private var known: String?

    init(pool: PostgresPool) { self.pool = pool }

    func current() async throws -> String {
        if let known { return known }
        let epoch: String = try await pool.query("SELECT everline.current_epoch()").decode(0, 0)
        known = epoch
        return epoch
    }

    func forget() { known = nil }
}

/// Runs the lanes; on a graceful stop they settle what they have taken.
struct LaneRunner: Service {
    let lanes: Lanes

    func run() async throws {
        await withGracefulShutdownHandler {
            await lanes.run()
        } onGracefulShutdown: {
            lanes.stop()
        }
    }
}

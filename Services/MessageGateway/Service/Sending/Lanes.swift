import EverlinePostgres
import Metrics
import ServiceLifecycle

/// All lanes. Every gateway hashes rooms alike, so that two gateways contend for as few rows as they can.
package struct Lanes: Sendable {
    let lanes: [Lane]

    func lane(of room: Int64) -> Lane { lanes[Self.index(of: room, count: lanes.count)] }

    /// Fibonacci hashing (Knuth, TAOCP 6.4): of the number alone, never of Swift's `Hasher`, whose seed differs from process to process.
    package static func index(of room: Int64, count: Int) -> Int {
        // The product first: a shift binds tighter in Swift, and of a multiple of a number its low bits alone would choose the lane.
        Int((UInt64(bitPattern: room) &* 0x9E37_79B9_7F4A_7C15) >> 32) % count
    }

    func run() async {
        await withTaskGroup { group in
            for lane in lanes { group.addTask(executorPreference: PostgresReactor.tasks) { await lane.run() } }
            let watch = Task {
                while !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(250))
                    for lane in lanes { lane.refuseLate() }
                }
            }
            await group.waitForAll()
            watch.cancel()
        }
    }

    /// What waits in each, for the metrics.
    func measure() {
        for (index, lane) in lanes.enumerated() {
            let gauge = Gauge(label: "everline_lane_waiting_messages", dimensions: [("lane", "\(index)")])
            gauge.record(lane.waiting)
        }
    }

    func stop() { for lane in lanes { lane.stop() } }
    func close() async { for lane in lanes { await lane.close() } }
}

/// Runs the lanes; on a graceful stop they settle what they have taken, and when there is no more time for that they give it up.
struct LaneRunner: Service {
    let lanes: Lanes

    func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await lanes.run()
            } onGracefulShutdown: {
                lanes.stop()
            }
        } onCancel: {
            Task { await lanes.close() }
        }
    }
}

import Foundation
import Logging
import Metrics

/// What is to be told over one channel, in order. Each channel has its own, so a dead one keeps nothing from the others.
///
/// At most `most` findings wait; beyond it the oldest of the lowest severity goes, which is logged and counted. A telling is tried again after a pause that
/// doubles from one second to five minutes, with jitter, and is given up after `attempts`.
actor ChannelQueue {
    nonisolated let channel: any Channel
    private let logger: Logger
    private var waiting: [Finding] = []
    private var wake: CheckedContinuation<Void, Never>?
    private var known: Set<String> = []
    /// Called with what was told.
    private let done: @Sendable (Finding, String) async -> Void

    static let most = 1_000
    /// Some two hours.
    static let attempts = 30
    static let refusedAttempts = 5

    init(_ channel: any Channel, logger: Logger, done: @escaping @Sendable (Finding, String) async -> Void) {
        self.channel = channel
        self.logger = logger
        self.done = done
    }

    func add(_ finding: Finding) {
        guard finding.severity >= channel.minimum else { return }
        // The newer state of one that waits already.
        if let index = waiting.firstIndex(where: { $0.id == finding.id }) {
            waiting[index] = finding
            return
        }
        if waiting.count >= Self.most, let least = waiting.indices.min(by: { waiting[$0].severity < waiting[$1].severity }) {
            lost(waiting.remove(at: least), "too many wait")
        }
        waiting.append(finding)
        gauge()
        wake?.resume()
        wake = nil
    }

    func run() async {
        while !Task.isCancelled {
            guard !waiting.isEmpty else {
                await sleepUntilWoken()
                continue
            }
            let batch = Array(waiting.prefix(channel.batch))
            waiting.removeFirst(batch.count)
            await tell(batch)
            gauge()
        }
    }

    private func tell(_ batch: [Finding]) async {
        var attempt = 1
        while true {
            do {
                try await channel.tell(batch)
                Counter(label: "everline_guardian_told_total", dimensions: [("channel", channel.name)]).increment(by: batch.count)
                for finding in batch { await done(finding, channel.name) }
                return
            } catch {
                if Task.isCancelled { return }
                Counter(label: "everline_guardian_telling_failures_total", dimensions: [("channel", channel.name)]).increment()
                let last = error is ChannelRefusal ? Self.refusedAttempts : Self.attempts
                guard attempt < last else {
                    for finding in batch { lost(finding, "\(error)") }
                    return
                }
                let pause = Self.pause(after: attempt)
                logger.warning(
                    "findings could not be told",
                    metadata: [
                        "channel": "\(channel.name)", "error": "\(error)", "attempt": "\(attempt)",
                        "retryInSeconds": "\(Int(pause.rounded(.up)))",
                    ])
                attempt += 1
                do { try await Task.sleep(for: .seconds(pause)) } catch { return }
            }
        }
    }

    /// Seconds: doubled each time up to five minutes, and between half and all of that.
    static func pause(after attempt: Int) -> Double { min(300, pow(2, Double(min(attempt - 1, 16)))) * .random(in: 0.5...1) }

    private func lost(_ finding: Finding, _ why: String) {
        Counter(label: "everline_guardian_untold_total", dimensions: [("channel", channel.name)]).increment()
        logger.error(
            "a finding was not told", metadata: ["channel": "\(channel.name)", "finding": "\(finding.id)", "error": "\(why)"])
    }

    private func gauge() {
        Gauge(label: "everline_guardian_untold_waiting", dimensions: [("channel", channel.name)]).record(waiting.count)
    }

    private func sleepUntilWoken() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled || !waiting.isEmpty { continuation.resume() } else { wake = continuation }
            }
        } onCancel: {
            Task { await self.stop() }
        }
    }
    private func stop() {
        wake?.resume()
        wake = nil
    }
}

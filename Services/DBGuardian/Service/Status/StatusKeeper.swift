import EverlineProtocol
import EverlineService
import Foundation
import Logging
import Metrics

/// The status as metrics and on the wire; looked up at most once in a few seconds, however many ask.
actor StatusKeeper {
    private let settings: Settings
    private let logger: Logger
    private var current: (report: StatusReport, begun: ContinuousClock.Instant)?
    private var looking: (task: Task<StatusReport, any Error>, begun: ContinuousClock.Instant)?

    private static let fresh = Duration.seconds(5)
    private static let turn = Duration.seconds(30)

    init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// - Parameter change: when something was last done that it would tell of.
    func report(after change: ContinuousClock.Instant? = nil) async throws -> StatusReport {
        func knows(_ begun: ContinuousClock.Instant) -> Bool { change.map { begun >= $0 } ?? true }
        if let current, .now - current.begun < Self.fresh, knows(current.begun) { return current.report }
        if let looking, knows(looking.begun) { return try await looking.task.value }
        let check = StatusCheck(settings, logger: logger)
        let begun = ContinuousClock.now
        let task = Task { try await Self.onThread { try await check.run() } }
        looking = (task, begun)
        defer { if looking?.begun == begun { looking = nil } }
        let report = try await task.value
        if current.map({ $0.begun < begun }) ?? true { current = (report, begun) }
        return report
    }

    /// It reads many small files: not on a thread that others need.
    private static func onThread<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
        try await withTaskExecutorPreference(FileThread.shared) { try await body() }
    }

    /// The metrics, until the task is cancelled.
    func run() async throws {
        while !Task.isCancelled {
            do { publish(try await report()) } catch let error as CancellationError { throw error } catch {
                logger.error("the repository cannot be looked at", metadata: ["error": "\(error)"])
            }
            try await Task.sleep(for: Self.turn)
        }
    }

    private func publish(_ report: StatusReport) {
        func set(_ name: String, _ value: Double?) { if let value { Gauge(label: "everline_guardian_\(name)").record(value) } }
        let now = Double(Timestamp.now.milliseconds)
        set(
            "newest_proven_backup_age_seconds",
            report.newestProvenAt.flatMap { Timestamp($0) }.map { (now - Double($0.milliseconds)) / 1_000 })
        set("rpo_seconds", report.rpoSeconds)
        set("rto_seconds", report.rtoSeconds)
        set("archive_lag_segments", report.segmentsBehind.map(Double.init))
        set("repository_bytes", Double(report.repositoryBytes))
        set("problems", Double(report.problems.count))
    }
}

/// One thread for what waits on files.
final class FileThread: TaskExecutor {
    static let shared = FileThread()
    private let queue = DispatchQueue(label: "everline-files")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

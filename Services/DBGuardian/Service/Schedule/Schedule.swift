import EverlineProtocol
import EverlineService
import Foundation
import Logging
import Metrics

/// `serve`'s work: the same verbs as at the prompt, each a process of its own that ends with us, one job at a time under the
/// repository's lock.
package struct Schedule: Sendable {
    private let settings: Settings
    private let jobs: [Job]
    private let runner: JobRunner
    private let logger: Logger
    package let ledgerSeconds: Int
    package let receives: Bool

    private static let look = Duration.seconds(5)
    /// A job that failed is tried again after this long, and each time later, up to an hour.
    private static let retry: Int64 = 300_000
    private static let mostRetry: Int64 = 3_600_000
    /// One that found the repository in use, as by somebody at the prompt or what is left of a guardian that was killed, has not failed.
    private static let turn: Int64 = 10_000

    init(_ settings: Settings, _ runner: JobRunner, logger: Logger) throws {
        self.settings = settings
        self.runner = runner
        self.logger = logger
        jobs = try Job.all { try settings.int($0, in: 0...Int(Int32.max)) }
        ledgerSeconds = try settings.int("schedule.ledger", in: 0...Int(Int32.max))
        receives = try settings.int("schedule.receive", in: 0...1) == 1 && settings.optional("replication.conninfo") != nil
    }

    // MARK: Jobs

    /// Does what is due, in order, until the task is cancelled.
    package func runJobs() async throws {
        var failures: [String: (count: Int, until: Int64)] = [:]
        try await Task.sleep(for: .seconds(try settings.int("schedule.grace", in: 0...86_400)))
        while !Task.isCancelled {
            for job in jobs {
                let now = Timestamp.now
                if let failed = failures[job.name], now.milliseconds < failed.until { continue }
                do {
                    guard let due = try await due(job), due <= now else { continue }
                    try await runner.run(job.verb)
                    failures[job.name] = nil
                } catch let error as CancellationError {
                    throw error
                } catch let error as BusyError {
                    failures[job.name] = (failures[job.name]?.count ?? 0, now.milliseconds + Self.turn)
                    logger.info("a job waits for its turn", metadata: ["job": "\(job.name)", "error": "\(error)"])
                } catch {
                    let count = (failures[job.name]?.count ?? 0) + 1
                    let pause = min(Self.mostRetry, Self.retry << Int64(min(count - 1, 4)))
                    failures[job.name] = (count, now.milliseconds + pause)
                    logger.error(
                        "a job failed",
                        metadata: ["job": "\(job.name)", "error": "\(error)", "retryInSeconds": "\(pause / 1_000)"])
                }
            }
            try await Task.sleep(for: Self.look)
        }
    }

    private func due(_ job: Job) async throws -> Timestamp? {
        let settings = settings
        return try await Blocking.run {
            let repositories = try Repositories(settings)
            return try job.due(
                repositories.all.map { try $0.systems().isEmpty ? nil : $0.onlySystem(repositories.wanted) })
        }
    }

    /// Ledgers go beside other jobs: a long one must not keep them waiting.
    package func runLedgers() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: .seconds(ledgerSeconds))
            do { try await runner.runUnlisted(["ledger"]) } catch let error as CancellationError { throw error } catch {
                logger.error("a job failed", metadata: ["job": "ledger", "error": "\(error)"])
            }
        }
    }

    package func receive() async throws {
        var pause = 1
        while !Task.isCancelled {
            let begun = ContinuousClock.now
            do { try await runner.runUnlisted(["wal", "receive"]) } catch let error as CancellationError { throw error } catch {
                logger.warning("the stream has ended and is begun anew", metadata: ["error": "\(error)"])
            }
            pause = ContinuousClock.now - begun > .seconds(60) ? 1 : min(pause * 2, 30)
            try await Task.sleep(for: .seconds(pause))
        }
    }
}

/// Work that waits on files, on a thread of its own, so that it keeps none of the cooperative ones.
package enum Blocking {
    package static func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try body() }) }.start()
        }
    }
}

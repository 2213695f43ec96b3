import EverlineProtocol
package import EverlineService
import Foundation
package import Logging
import Metrics

/// `serve`'s work: the same verbs as at the prompt, each a process of its own that ends with us, one job at a time under the
/// repository's lock.
package struct Schedule: Sendable {
    private let settings: Settings
    private let jobs: [Job]
    private let logger: Logger
    package let ledgerSeconds: Int
    package let receives: Bool

    private static let look = Duration.seconds(5)
    /// A job that failed is tried again after this long, and each time later, up to an hour.
    private static let retry: Int64 = 300_000
    private static let mostRetry: Int64 = 3_600_000
    /// One that found the repository in use, as by somebody at the prompt or what is left of a guardian that was killed, has not failed.
    private static let turn: Int64 = 10_000

    package init(_ settings: Settings, logger: Logger) throws {
        self.settings = settings
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
                    try await run(job.name, job.verb)
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
            do { try await run("ledger", ["ledger"]) } catch let error as CancellationError { throw error } catch {
                logger.error("a job failed", metadata: ["job": "ledger", "error": "\(error)"])
            }
        }
    }

    package func receive() async throws {
        var pause = 1
        while !Task.isCancelled {
            let begun = ContinuousClock.now
            do { try await run("wal receive", ["wal", "receive"]) } catch let error as CancellationError { throw error } catch {
                logger.warning("the stream has ended and is begun anew", metadata: ["error": "\(error)"])
            }
            pause = ContinuousClock.now - begun > .seconds(60) ? 1 : min(pause * 2, 30)
            try await Task.sleep(for: .seconds(pause))
        }
    }

    // MARK: Running a verb

    /// Runs our own program with the same settings; nicely, since the database and the chat go first.
    private func run(_ name: String, _ verb: [String]) async throws {
        let program = try OwnProgram.path()
        let arguments = ["-n", "10", program] + verb + (settings.file.map { ["--config", $0] } ?? [])
        let environment = ProcessInfo.processInfo.environment.filter {
            $0.key.hasPrefix("EVERLINE_") || $0.key == "HOME" || $0.key == "TMPDIR"
        }
        let tool = Tool("nice", arguments, environment: environment)
        logger.info("a job begins", metadata: ["job": "\(name)"])
        let running = RunningTool(tool)
        do {
            while true {
                if let ended = try running.ended {
                    if ended.status == 75 { throw BusyError(place: "the repository", holder: "another db-guardian") }
                    guard ended.status == 0 else { throw tool.failure(ended) }
                    logger.info("a job is done", metadata: ["job": "\(name)"])
                    return
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        } catch {
            // It takes away what it has begun; longer than that the process that stops may not wait.
            running.signal(SIGTERM)
            _ = try? await running.end(within: 6)
            throw error
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

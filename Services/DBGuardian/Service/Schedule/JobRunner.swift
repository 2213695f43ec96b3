import EverlineProtocol
import EverlineService
import Foundation
import Logging
import Synchronization

/// Runs our own program with the same settings, as a process of its own that ends with us; nicely, since the database and the
/// chat go first. What it says of its progress goes to the board.
struct JobRunner: Sendable {
    let settings: Settings
    let board: JobBoard
    let logger: Logger

    /// How long one that was asked for waits for others: a base backup of a large database takes its time.
    private static let patience = ["--set", "repository.wait=21600"]

    /// One after the other, until the task is cancelled.
    func runAsked() async throws {
        while true {
            let (job, verb) = try await board.next()
            do { try await run(job, verb, Self.patience) } catch let error as CancellationError { throw error } catch {
                logger.error("a job failed", metadata: ["job": "\(verb.joined(separator: " "))", "error": "\(error)"])
            }
        }
    }

    /// A job of the schedule.
    func run(_ verb: [String]) async throws {
        try await run(try await board.add(verb.joined(separator: " ")), verb, [])
    }

    /// The same for what goes on for ever, or comes each few minutes: on the board it would hide the rest.
    func runUnlisted(_ verb: [String]) async throws { try await run("", verb, []) }

    private func run(_ job: String, _ verb: [String], _ more: [String]) async throws {
        let name = verb.joined(separator: " ")
        await board.begin(job)
        logger.info("a job begins", metadata: ["job": "\(name)"])
        do {
            try await attend(job, verb + more)
            await board.end(job, nil)
            logger.info("a job is done", metadata: ["job": "\(name)"])
        } catch {
            await board.end(job, error, why: (error as? Failed)?.why)
            throw error
        }
    }

    private func attend(_ job: String, _ verb: [String]) async throws {
        let program = try OwnProgram.path()
        let arguments = ["-n", "10", program] + verb + (settings.file.map { ["--config", $0] } ?? [])
        var environment = ProcessInfo.processInfo.environment.filter {
            $0.key.hasPrefix("EVERLINE_") || $0.key == "HOME" || $0.key == "TMPDIR"
        }
        environment[JobProgress.variable] = "1"
        let tool = Tool("nice", arguments, environment: environment)
        let (steps, says) = AsyncStream.makeStream(of: Saying.self, bufferingPolicy: .bufferingNewest(1))
        let why = Mutex<Saying?>(nil)
        let running = RunningTool(tool) {
            switch JobProgress.heard($0) {
            case .step(let step): says.yield(step)
            case .failure(let failure): why.withLock { $0 = failure }
            case nil: break
            }
        }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for await step in steps { await board.tell(job, step) } }
                defer { says.finish() }
                while true {
                    if let ended = try running.ended {
                        if ended.status == 75 { throw BusyError(place: "the repository", holder: "another db-guardian") }
                        guard ended.status == 0 else {
                            let failure = tool.failure(Tool.Ended(status: ended.status, said: JobProgress.without(ended.said)))
                            throw Failed(failure: failure, why: why.withLock { $0 })
                        }
                        return
                    }
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
        } catch {
            // It takes away what it has begun; longer than that the process that stops may not wait.
            running.signal(SIGTERM)
            _ = try? await running.end(within: 6)
            throw error
        }
    }
}

/// What ended badly, and what it said of it itself.
private struct Failed: Error, CustomStringConvertible {
    let failure: GuardianError
    let why: Saying?
    var description: String { failure.description }
}

extension JobProgress {
    /// With this in its environment a verb says each step, and why it fails, as a line for the process that runs it.
    package static let variable = "GUARDIAN_PROGRESS"
    private static let mark = "progress: "

    package enum Line: Codable, Sendable {
        case step(Saying)
        case failure(Saying)
    }

    package static func line(_ said: Line) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return mark + String(decoding: (try? encoder.encode(said)) ?? Data(), as: UTF8.self) + "\n"
    }

    static func heard(_ line: String) -> Line? {
        guard line.hasPrefix(mark) else { return nil }
        return try? JSONDecoder().decode(Line.self, from: Data(line.dropFirst(mark.count).utf8))
    }

    static func without(_ text: String) -> String {
        text.split(separator: "\n").filter { !$0.hasPrefix(mark) }.joined(separator: "\n")
    }
}

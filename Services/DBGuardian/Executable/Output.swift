import ArgumentParser
import Foundation
import GuardianService

/// What commands print for a program.
enum JSONOutput {
    static func print(_ value: some Encodable, pretty: Bool = false) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// A line of a command that goes on: into a pipe, `print` would keep it until the end.
    static func atOnce(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
}

extension JobProgress {
    /// One line on the terminal that is written over; a line each for `serve`, which shows it to others; else nothing.
    static let terminal: JobProgress =
        if ProcessInfo.processInfo.environment[variable] != nil {
            JobProgress { FileHandle.standardError.write(Data(line(.step($0)).utf8)) }
        } else if isatty(2) == 1 {
            JobProgress { FileHandle.standardError.write(Data("\r\u{1B}[K\($0)".utf8)) }
        } else {
            .none
        }
}

/// Ends as documented: 75 for a repository that is in use, 128 and the signal's number when it was told to stop, else 1. Told to
/// stop, it takes away what it has begun.
/// - Parameter stoppable: false for those that mind signals themselves.
func attempting(stoppable: Bool = true, _ body: () async throws -> Void) async throws {
    if stoppable { Stop.shared.listen() }
    do {
        try await body()
        clearProgress()
    } catch let error as ExitCode {
        clearProgress()
        throw error
    } catch let error as ValidationError {
        throw error
    } catch {
        clearProgress()
        if let signal = Stop.shared.signal {
            let stopped = Saying(.stopped, ["signal": .count(signal)])
            Failure.tell(stopped)
            Failure.say(stopped.text, hint: "say it again when it may go on")
            throw ExitCode(128 + signal)
        }
        Failure.tell(Saying(error))
        Failure.say("\(error)", hint: "`db-guardian status` says what else is wrong; each verb explains itself with --help")
        throw ExitCode(error is BusyError ? 75 : 1)
    }
}

enum Failure {
    /// For the process that runs us, if one does.
    static func tell(_ why: Saying) {
        guard ProcessInfo.processInfo.environment[JobProgress.variable] != nil else { return }
        FileHandle.standardError.write(Data(JobProgress.line(.failure(why)).utf8))
    }

    /// What a verb goes on without.
    static func warn(_ text: String) { FileHandle.standardError.write(Data("warning: \(text)\n".utf8)) }

    /// What, where from, and what to do.
    static func say(_ text: String, hint: String) {
        FileHandle.standardError.write(Data("error: \(text)\(text.contains("HINT:") ? "" : "\nHINT: \(hint)")\n".utf8))
    }
}

private func clearProgress() {
    if isatty(2) == 1 { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
}

import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian {
    struct WAL: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "wal", abstract: "The archive of the write-ahead log.",
            discussion: """
                Example: db-guardian wal status
                Exit codes: 0 done, 1 refused or failed, or something lacks, 64 wrong usage, 75 another one receives; `wal fetch` has its own.
                """,
            subcommands: [Push.self, Fetch.self, Receive.self, Status.self])

        struct Push: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Archive one file: for archive_command.",
                discussion: """
                    Returns only when the file and its name are on the disk of every repository. The same file again is no error, another one under the same \
                    name is refused and put aside; nothing is ever overwritten.
                    Example: archive_command = '/usr/local/bin/db-guardian wal push "%p" --config /etc/everline/db-guardian.json'
                    Exit codes: 0 archived, 1 refused or failed (PostgreSQL tries again), 64 wrong usage.
                    """)
            @OptionGroup var options: GuardianOptions
            @Argument(help: "The file, as %p.") var path: String
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                do {
                    let settings = try await options.settings()
                    let seconds = try settings.int("repository.timeout", in: 1...3_600)
                    Watchdog.start(seconds: seconds, what: "wal push \(path)", code: 1)
                    let outcomes = try WALPush(.reachable(settings)).push(path)
                    if json { print(Report.json("outcomes", outcomes.map(\.rawValue))) }
                } catch {
                    throw OneLine.ending(error, what: "wal push \(path)", code: 1)
                }
            }
        }

        struct Fetch: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Get one file from the archive: for restore_command.",
                discussion: """
                    The file is seen under its name only when all of it agreed with what was archived.
                    Example: restore_command = '/usr/local/bin/db-guardian wal fetch %f "%p" --config /etc/everline/db-guardian.json'
                    Exit codes: 0 fetched, 1 there is no such file, 200 it cannot be told or is damaged (recovery must stop), 64 wrong usage.
                    """)
            @OptionGroup var options: GuardianOptions
            @Argument(help: "Its name, as %f.") var name: String
            @Argument(help: "Where to put it, as %p.") var path: String
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                do {
                    let settings = try await options.settings()
                    let seconds = try settings.int("repository.timeout", in: 1...3_600)
                    Watchdog.start(seconds: seconds, what: "wal fetch \(name)", code: 200)
                    let found = try WALFetch(.reachable(settings)).fetch(name, to: path)
                    if json { print("{\"fetched\":\(found)}") }
                    if !found { throw ExitCode(1) }
                } catch let code as ExitCode {
                    throw code
                } catch {
                    throw OneLine.ending(error, what: "wal fetch \(name)", code: 200)
                }
            }
        }
    }
}

/// An error as one line, since it lands in PostgreSQL's log.
enum OneLine {
    static func ending(_ error: any Error, what: String, code: Int32) -> ExitCode {
        let text = "\(error)".replacingOccurrences(of: "\nHINT:", with: ". HINT:").replacingOccurrences(of: "\n", with: " ")
        let hint = text.contains("HINT:") ? "" : ". HINT: `db-guardian wal status` says how far the archive is"
        FileHandle.standardError.write(Data("db-guardian \(what): error: \(text)\(hint)\n".utf8))
        return ExitCode(code)
    }
}

import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian {
    struct DrillCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drill", abstract: "Restore into a throw-away server and prove that it is all there.",
            discussion: """
                Restores to the newest ledger and to a random older one, compares every room exactly, checks tables and indexes, and measures what would have \
                been lost (RPO) and how long it took (RTO). It uses only the first repository and the key file. A backup counts as proven after it.
                Example: db-guardian drill
                Exit codes: 0 proven, 1 not proven or failed, 64 wrong usage, 75 another job has the repository.
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await failing {
                let result = try await Drill(settings, progress: .terminal).run()
                if json {
                    try JSONOutput.print(result)
                } else {
                    print(result.ok ? "proven: backup \(result.backup)" : "NOT PROVEN: backup \(result.backup)")
                    print("compared with ledger \(result.target)\(result.older.map { " and the older \($0)" } ?? "")")
                    print(
                        "\(result.rooms) rooms, \(result.messages) messages; RPO \(result.rpoSeconds) s, RTO \(result.rtoSeconds) s"
                    )
                    for difference in result.differences { print("difference: \(difference)") }
                }
                if !result.ok { throw ExitCode(1) }
            }
        }
    }

    struct LedgerCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ledger", abstract: "Record what is in the database now, for drills to compare with.",
            discussion: """
                Sets a restore point while nothing is being appended (for some milliseconds) and keeps each room's numbers and digests beside the backups.
                Example: db-guardian ledger
                Exit codes: 0 recorded, 1 refused or failed, 64 wrong usage, 75 another one is being recorded.
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await failing {
                let postgres = try settings.postgres(service: settings.applicationName("ledger"))
                guard let ledger = try await LedgerRecorder(postgres, logger: Guardian.quiet).record(in: Repositories(settings))
                else {
                    throw BusyError(place: "the ledger", holder: "another db-guardian")
                }
                if json { return try JSONOutput.print(ledger) }
                print("ledger \(ledger.id): \(ledger.totals.rooms) rooms, \(ledger.totals.messages) messages at \(ledger.lsn)")
            }
        }
    }
}

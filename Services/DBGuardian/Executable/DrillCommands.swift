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
                been lost (RPO) and how long it took (RTO). Each configured repository in turn, with nothing but it and the key file. A backup counts as \
                proven in the repository where it was drilled.
                Example: db-guardian drill, or of one repository: db-guardian drill --repository /mnt/backup
                Exit codes: 0 proven, 1 not proven or failed, 64 wrong usage, 75 another job has the repository, 130 and 143 stopped by SIGINT and \
                SIGTERM (nothing is left).
                """)
        @OptionGroup var options: GuardianOptions
        @Option(help: "Only this one of the configured repositories.") var repository: String?
        @Flag(help: "Print for a program.") var json = false

        /// That of the first repository, but for whether all is well and what is not; and each.
        private struct Output: Encodable {
            let first: DrillResult
            let all: [DrillResult]
            private enum CodingKeys: String, CodingKey { case ok, differences, repositories }

            func encode(to encoder: any Encoder) throws {
                try first.encode(to: encoder)
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(all.allSatisfy(\.ok), forKey: .ok)
                let named = all.flatMap { one in
                    one.differences.map { all.count == 1 ? $0 : "\(one.repository ?? ""): \($0)" }
                }
                try container.encode(named, forKey: .differences)
                try container.encode(all, forKey: .repositories)
            }
        }

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let results: [DrillResult]
                do { results = try await Drill.run(settings, only: repository, progress: .terminal) } catch {
                    // A program gets its object whatever goes wrong.
                    if json, !(error is CancellationError) { try print([DrillResult.failed(error)]) }
                    throw error
                }
                if json { try print(results) } else { results.forEach(tell) }
                let differences = results.reduce(0) { $0 + $1.differences.count }
                if !results.allSatisfy(\.ok) {
                    Failure.tell(Saying(.notProven, ["count": .count(differences)]))
                    throw ExitCode(1)
                }
            }
        }

        private func print(_ results: [DrillResult]) throws {
            if let first = results.first { try JSONOutput.print(Output(first: first, all: results)) }
        }

        private func tell(_ result: DrillResult) {
            let place = result.repository.map { " in \($0)" } ?? ""
            Swift.print(result.ok ? "proven: backup \(result.backup)\(place)" : "NOT PROVEN: backup \(result.backup)\(place)")
            Swift.print("compared with ledger \(result.target)\(result.older.map { " and the older \($0)" } ?? "")")
            Swift.print(
                "\(result.rooms) rooms, \(result.messages) messages; RPO \(result.rpoSeconds) s, RTO \(result.rtoSeconds) s")
            for difference in result.differences { Swift.print("difference: \(difference)") }
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
            try await attempting {
                let postgres = try settings.own("ledger")
                JobProgress.terminal.step("recording")
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

import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One screen: is there a backup, is it proven, to which second can I go, what is wrong.",
            discussion: "Example: db-guardian status\nExit codes: 0 all is well, 1 something is not, 64 wrong usage.")
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                JobProgress.terminal.step("looking through the repositories")
                let report = try await StatusCheck(settings, logger: Guardian.quiet).run()
                print(json ? String(decoding: try report.json(), as: UTF8.self) : report.screen)
                if !report.ok { throw ExitCode(1) }
            }
        }
    }
}

extension Guardian.WAL {
    struct Receive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take the WAL as it is written, until SIGTERM or SIGINT.",
            discussion: """
                By pg_receivewal as role replicator; each second what is new goes into the repositories. `serve` does it by itself.
                Example: db-guardian wal receive
                Exit codes: 0 stopped as told, 1 the stream ended or could not begin, 64 wrong usage, 75 another one receives.
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print a line for a program when it begins.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let receive = try WALReceive(settings, logger: Guardian.quiet)
                if json { JSONOutput.atOnce("{\"receiving\":true}") }
                JobProgress.terminal.step("receiving")
                try await receive.run()
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how far the archive is, and what it lacks.",
            discussion:
                "Example: db-guardian wal status\nExit codes: 0 nothing lacks, 1 there are holes, or it failed, 64 wrong usage.")
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let repositories = try Repositories.reachable(settings)
                repositories.lost.map(\.words).forEach(Failure.warn)
                JobProgress.terminal.step("looking through \(repositories.first.storage.place)")
                let status = try await WALStatus(
                    settings, repositories.first.onlySystem(repositories.wanted), logger: Guardian.quiet)
                if json { try JSONOutput.print(status) } else { print(status) }
                if !status.holes.isEmpty { throw ExitCode(1) }
            }
        }
    }
}

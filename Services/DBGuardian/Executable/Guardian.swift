import ArgumentParser
import EverlineService
import Foundation
import GuardianService
import Logging

@main
struct Guardian: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db-guardian",
        abstract: "Owns the database: its schema, its roles, and what happens to it.",
        discussion: """
            Example: db-guardian status
            Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 75 a repository is in use, 130 and 143 stopped by SIGINT and SIGTERM \
            (what was begun is taken away).
            """,
        subcommands: [
            Serve.self, Migrate.self, Roles.self, RepositoryGroup.self, Key.self, BackupGroup.self, BackupGroup.Verify.self,
            WAL.self,
            RestoreCommand.self, PITR.self, DrillCommand.self, LedgerCommand.self, Status.self, Audit.self,
            Config.self,
        ])

    static func main() async {
        await Stop.shared.run {
            do {
                var command = try parseAsRoot()
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
            } catch {
                guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
                let text = fullMessage(for: error).replacingOccurrences(of: "Error: ", with: "")
                Failure.say(text, hint: "each verb's --help has an example")
                exit(withError: ExitCode.validationFailure)
            }
        }
    }
}

extension Guardian {
    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run the service until SIGTERM: the schedule of the other verbs, the heartbeat, and what others may ask.",
            discussion: """
                Keys of the configuration are given as flags; `config` lists them.
                Example: db-guardian serve --schedule-base 604800
                Exit codes: 0 stopped as told, 1 could not begin, 64 wrong usage.
                """)
        @OptionGroup var options: ServiceOptions
        @Flag(help: "Print a line for a program when it begins.") var json = false

        func run() async throws {
            let settings = try await options.settings("db-guardian", GuardianSettings.all)
            try await attempting(stoppable: false) {
                try await GuardianServer.serve(settings) { port in
                    if json { JSONOutput.atOnce("{\"serving\":true,\"port\":\(port)}") }
                }
            }
        }
    }

    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring the schema up to the newest migration.",
            discussion:
                """
                Applies the numbered files of migrations.root in order, under one lock. Running it twice changes nothing.
                Example: db-guardian migrate --plan
                Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                """)
        @OptionGroup var options: ServiceOptions
        @Flag(help: "Print for a program.") var json = false
        @Flag(help: "Only say what would be applied.") var plan = false

        func run() async throws {
            let settings = try await options.settings("db-guardian", GuardianSettings.all)
            try await attempting {
                let migrator = Migrator(
                    try settings.own("migrate"), logger: Guardian.quiet)
                JobProgress.terminal.step("looking at the schema")
                let files = try MigrationFiles.read(try settings.string("migrations.root"))
                let names = plan ? try await migrator.pending(files) : try await migrator.migrate(files)
                if json {
                    print(Report.json(plan ? "pending" : "applied", names))
                } else {
                    for name in names { print(plan ? "would apply \(name)" : "applied \(name)") }
                    if names.isEmpty { print("the schema is up to date (\(files.count) migrations)") }
                }
            }
        }
    }

    struct Roles: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the database, the services' roles and their limits what they must be.",
            discussion: """
                Connects as the superuser of roles.conninfo. Running it twice changes nothing.
                Example: db-guardian roles
                Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                """)
        @OptionGroup var options: ServiceOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings("db-guardian", GuardianSettings.all)
            try await attempting {
                let superuser = try settings.superuser("roles")
                JobProgress.terminal.step("looking at the roles")
                let changes = try await RoleKeeper(
                    superuser: superuser, database: try settings.string("roles.database"),
                    passwords: try settings.string("roles.passwords"), logger: Guardian.quiet
                ).keep()
                if json {
                    print(Report.json("changes", changes))
                } else {
                    for change in changes { print(change) }
                    if changes.isEmpty { print("nothing to change") }
                }
            }
        }
    }

    struct Config: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the effective configuration.",
            discussion: "Example: db-guardian config\nExit codes: 0 done, 64 wrong usage.")
        @OptionGroup var options: ServiceOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings("db-guardian", GuardianSettings.all)
            if json { return try JSONOutput.print(settings.effective) }
            print(settings.listing)
        }
    }

    /// For commands at the prompt: what they have to say they print.
    static var quiet: Logger {
        Logger(label: "db-guardian") { _ in JSONLog(service: "db-guardian", level: .error) }
    }
}

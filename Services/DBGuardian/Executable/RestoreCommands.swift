import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian {
    struct RestoreCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Bring a database back, into a new folder.",
            discussion: """
                Picks the backup, checks that everything needed is there before it touches anything (it reads the WAL that it will replay), replays it, \
                changes the epoch and leaves a data directory that the printed command starts. Without a target it goes as far as the WAL does.
                Example: db-guardian restore --to /var/lib/everline/restored --at "2026-01-31 16:00:00+08"
                Exit codes: 0 restored, 1 refused or failed (nothing is left that starts), 64 wrong usage, 75 pruning is going on or the folder is \
                being filled, 130 and 143 stopped by SIGINT and SIGTERM (nothing is left).
                """)
        @OptionGroup var options: GuardianOptions
        @Option(help: "The folder to fill; it must be empty or not exist.") var to: String
        @Option(help: "To this moment; with its time zone.") var at: String?
        @Option(help: "To this restore point.") var name: String?
        @Flag(help: "As far as the WAL goes.") var latest = false
        @Option(help: "To the end of this backup.") var backup: String?
        @Option(help: "On this timeline, where several have that moment; without it the newest that has it.") var timeline:
            UInt32?
        @Option(help: "Keep only this database.") var database: String?
        @Option(help: "The port for the printed command.") var port: Int?
        @Flag(help: "Take away a restore into this folder that was not finished, and begin anew.") var clearUnfinished = false
        @Flag(help: "Only say what would be done and what would be lost.") var plan = false
        @Flag(help: "Print for a program.") var json = false

        func validate() throws {
            guard [at != nil, name != nil, latest, backup != nil].filter({ $0 }).count <= 1 else {
                throw ValidationError("give one of --at, --name, --latest and --backup")
            }
            if timeline != nil, backup != nil {
                throw ValidationError("a backup has its own timeline: give --timeline with another target")
            }
            if let port, !(1...65_535 ~= port) { throw ValidationError("--port is from 1 to 65535") }
        }

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let target = try target()
                // With or without a slash at the end it is the same folder.
                let folder = to.count > 1 && to.hasSuffix("/") ? String(to.reversed().drop { $0 == "/" }.reversed()) : to
                let restore = try Restore(settings, progress: .terminal, logger: Guardian.quiet)
                let request = RestoreRequest(
                    directory: folder, port: port, database: database, timeline: timeline, clearing: clearUnfinished)
                let result = plan ? try await restore.preview(target, request) : try await restore.run(target, request)
                if json { return try JSONOutput.print(result) }
                tell(result)
            }
        }

        private func target() throws -> RestoreTarget {
            if let at { return try RestoreTarget.time(from: at) }
            if let name { return .point(name) }
            return backup.map { .backup($0) } ?? .latest
        }

        private func tell(_ result: RestoreResult) {
            print("\(plan ? "would restore" : "restored") backup \(result.backup) to \(result.reached) in \(result.directory)")
            if result.wal.count == 2 { print("replaying \(result.wal[0]) to \(result.wal[1]) on timeline \(result.timeline)") }
            for loss in result.lost {
                print("\(plan ? "would lose" : "lost"): room \(loss.room), messages \(loss.from) to \(loss.to)")
            }
            if result.lost.isEmpty { print("no message that is known of \(plan ? "would be" : "is") lost") }
            for note in result.notes { print("note: \(note)") }
            print("needs: \(result.needs.joined(separator: "; "))")
            if plan { return }
            print("start it (its archiving stays off): \(result.startCommand)")
        }
    }

    struct PITR: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pitr", abstract: "Point-in-time recovery.",
            discussion: "Example: db-guardian pitr windows\nExit codes: 0 said, 1 refused or failed, 64 wrong usage.",
            subcommands: [WindowsCommand.self])

        struct WindowsCommand: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "windows",
                abstract: "Say from when to when can be restored, per timeline, and each hole with its cause.",
                discussion: "Example: db-guardian pitr windows\nExit codes: 0 said, 1 refused or failed, 64 wrong usage.")
            @OptionGroup var options: GuardianOptions
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings()
                try await attempting {
                    let repositories = try Repositories.reachable(settings)
                    repositories.lost.map(\.words).forEach(Failure.warn)
                    let isEmpty = try repositories.first.systems().isEmpty
                    JobProgress.terminal.step("looking through \(repositories.first.storage.place)")
                    let known = isEmpty ? nil : try Windows(repositories.first.onlySystem(repositories.wanted))
                    known?.damaged.map(\.words).forEach(Failure.warn)
                    let windows = known?.all() ?? []
                    if json { return try JSONOutput.print(windows) }
                    for window in windows { print(window) }
                    if windows.isEmpty { print("nothing can be restored yet. HINT: db-guardian backup base") }
                }
            }
        }
    }
}

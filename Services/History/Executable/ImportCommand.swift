import ArgumentParser
import EverlinePostgres
import EverlineProtocol
import EverlineService
import Foundation
import HistoryService
import Logging

extension History {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read an export of a room back into an empty room, or a bulk export of Mattermost into rooms of its own.",
            discussion: """
                Writes as the owner of the tables (import.conninfo), which the service itself cannot. Senders who are no users are made, disabled, for an admin to
                set a password and enable.
                Example: history import --room 唐詩 tang.jsonl
                Example: history import --mattermost --prefix "mm " export.jsonl
                Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                """)
        @Argument(help: "The file.") var file: String
        @Option(help: "The room that messages go into; default: the one that they name.") var room: String?
        @Flag(help: "The file is a bulk export of Mattermost.") var mattermost = false
        @Option(help: "Before the name of each room.") var prefix = ""
        @Flag(help: "Go on in a room that holds the beginning already.") var resume = false
        @Option(help: "Read this JSON file instead of EVERLINE_HOME/config/history.json.") var config: String?

        func validate() throws {
            if mattermost, room != nil || resume { throw ValidationError("--mattermost goes without --room and --resume") }
            if !mattermost, !prefix.isEmpty { throw ValidationError("--prefix goes with --mattermost") }
            if prefix.count > Limits.roomCharacters / 2 {
                throw ValidationError("--prefix has at most \(Limits.roomCharacters / 2) characters")
            }
        }

        func run() async throws {
            let settings = try await History.settings(config)
            try await failing {
                try await ImportRun.with(settings, logger: History.quiet) { store in
                    let source = try LineSource(file)
                    func told(_ count: Int64) {
                        if isatty(2) == 1 { FileHandle.standardError.write(Data("\r\(count) messages".utf8)) }
                    }
                    if mattermost {
                        var reading = MattermostImport(store, prefix: prefix)
                        let summary = try await reading.run(source, progress: told)
                        print("imported \(summary.messages) messages into \(summary.rooms) rooms; users: \(summary.users)")
                        for (type, count) in summary.ignored.sorted(by: { $0.key < $1.key }) {
                            print("left out: \(count) \(type)")
                        }
                    } else {
                        let found = try await RoomImport(store).run(source, into: room, resuming: resume, progress: told)
                        print(
                            "imported \(found.read - found.known) messages"
                                + (found.known > 0 ? "; \(found.known) were there" : ""))
                    }
                    let made = await store.made
                    if made > 0 { print("made \(made) users, disabled: auth users set-password and enable hand them over") }
                }
            }
        }
    }
}

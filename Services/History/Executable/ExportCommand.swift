import ArgumentParser
import EverlineProtocol
import EverlineService
import Foundation
import HistoryService
import Logging

extension ExportFormat: ExpressibleByArgument {}

extension History {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write all messages of a room, or of a person, as JSON Lines or CSV.",
            discussion: """
                Messages of a room come by number; an export that was cut off goes on with --resume (a JSON Lines file), or after the last number with --after.
                Example: history export --room 唐詩 --output tang.jsonl
                Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                """)
        @Option(help: "The room's name.") var room: String?
        @Option(help: "A username: what that person wrote, in all rooms.") var user: String?
        @Option(help: "jsonl or csv.") var format: ExportFormat = .jsonl
        @Option(help: "Only messages after this number.") var after: Int64 = 0
        @Option(help: "A file instead of standard output.") var output: String?
        @Flag(help: "Go on where the file ends.") var resume = false
        @Option(help: "Read this JSON file instead of EVERLINE_HOME/config/history.json.") var config: String?

        func validate() throws {
            guard (room == nil) != (user == nil) else { throw ValidationError("give either --room or --user") }
            guard after >= 0, after == 0 || user == nil else { throw ValidationError("--after is a number of a room's messages") }
            if resume, output == nil || format != .jsonl || room == nil || after != 0 {
                throw ValidationError("--resume goes with --room, --output and jsonl, and without --after")
            }
        }

        func run() async throws {
            let settings = try await History.settings(config)
            try await failing {
                let file = try ExportFile(output, resuming: resume)
                try await ExportRun.with(settings, logger: History.quiet) { export in
                    let source = room.map { ExportRun.Source.room($0) } ?? .user(user ?? "")
                    let count = try await export.run(source, format, after: resume ? file.after : after) { try file.write($0) }
                    try file.flush()
                    FileHandle.standardError.write(Data("exported \(count) messages\n".utf8))
                }
            }
        }
    }

    static func settings(_ config: String?) async throws -> Settings {
        do {
            return try await Settings(service: "history", declared: HistorySettings.all, arguments: [], file: config)
        } catch { throw ValidationError("\(error)") }
    }

    /// For commands at the prompt: what they have to say they print.
    static var quiet: Logger { Logger(label: "history") { _ in JSONLog(service: "history", level: .error) } }
}

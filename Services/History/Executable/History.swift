import ArgumentParser
import EverlineService
import HistoryService

@main
struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Reading: recent messages, older pages, search, statistics, export.",
        discussion: "Exit codes: 0 done, 1 refused or failed, 64 wrong usage.",
        subcommands: [Serve.self, Export.self, Import.self, Config.self])

    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run the service until SIGTERM.")
        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let settings = try await options.settings("history", HistorySettings.all)
            try await failing { try await HistoryServer.serve(settings) }
        }
    }

    struct Config: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the effective configuration.")
        @OptionGroup var options: ServiceOptions

        func run() async throws { print(try await options.settings("history", HistorySettings.all).listing) }
    }
}

import ArgumentParser
import EverlineService
import GatewayService

@main
struct Gateway: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "message-gateway", abstract: "Connections, rooms, sending and delivery, and the page.",
        discussion: "Exit codes: 0 done, 1 refused or failed, 64 wrong usage.",
        subcommands: [Serve.self, Config.self])

    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run the service until SIGTERM.")
        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let settings = try await options.settings("message-gateway", GatewaySettings.all)
            try await failing { try await GatewayServer.serve(settings) }
        }
    }

    struct Config: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the effective configuration.")
        @OptionGroup var options: ServiceOptions

        func run() async throws { print(try await options.settings("message-gateway", GatewaySettings.all).listing) }
    }
}

import ArgumentParser
import AuthService
import EverlineService
import Logging

@main
struct Auth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auth", abstract: "Users, sessions and the login log.",
        discussion: "Exit codes: 0 done, 1 refused or failed, 64 wrong usage.",
        subcommands: [Serve.self, Users.self, Sessions.self, Logins.self, Actions.self, Config.self])

    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run the service until SIGTERM.")
        @OptionGroup var options: ServiceOptions

        func run() async throws {
            let settings = try await options.settings("auth", AuthSettings.all)
            try await failing { try await AuthServer.serve(settings) }
        }
    }

    struct Config: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the effective configuration.")
        @OptionGroup var options: ServiceOptions

        func run() async throws { print(try await options.settings("auth", AuthSettings.all).listing) }
    }
}

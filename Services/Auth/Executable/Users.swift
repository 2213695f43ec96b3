import ArgumentParser
import AuthService
import EverlineProtocol
import EverlineService
import Logging

extension Auth {
    struct Users: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look after users.",
            subcommands: [List.self, Create.self, Disable.self, Enable.self, SetPassword.self, MakeAdmin.self])
    }
}

/// What each of the commands is given.
struct UserOptions: ParsableArguments {
    @Option(help: "Read this JSON file instead of EVERLINE_HOME/config/auth.json.") var config: String?

    /// Runs `body` with the stores; a wire error is said in its own words.
    func with(_ body: (AuthServer.Tools) async throws -> Void) async throws {
        let settings: Settings
        do {
            settings = try await Settings(service: "auth", declared: AuthSettings.all, arguments: [], file: config)
        } catch { throw ValidationError("\(error)") }
        try await failing {
            let tools = try AuthServer.Tools(
                settings, logger: Logger(label: "auth") { _ in JSONLog(service: "auth", level: .critical) })
            do {
                try await body(tools)
                await tools.shutdown()
            } catch {
                await tools.shutdown()
                throw error
            }
        }
    }

    func with(user name: String, _ body: (AuthServer.Tools, StoredUser) async throws -> Void) async throws {
        try await with { tools in
            guard let user = try await tools.users.user(key: Username.key(name)) else {
                throw RPCError(.userNotFound, detail: name)
            }
            try await body(tools, user)
        }
    }
}

extension Auth.Users {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all users.")
        @OptionGroup var options: UserOptions
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            try await options.with { tools in
                for user in try await tools.users.all() {
                    if json {
                        var writer = JSONWriter()
                        writer.object { object in
                            object.field("username", user.username)
                            object.field("displayName", user.displayName)
                            object.field("admin", user.admin)
                            object.field("disabled", user.disabled)
                            object.field("createdAt", user.createdAt.description)
                        }
                        print(String(decoding: writer.bytes, as: UTF8.self))
                    } else {
                        let marks = [user.admin ? "admin" : nil, user.disabled ? "disabled" : nil].compactMap { $0 }
                        print(([user.username, user.displayName, user.createdAt.description] + marks).joined(separator: "\t"))
                    }
                }
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a user; the password is asked for, or is the first line of standard input.")
        @Argument var username: String
        @Option(help: "The name that others see.") var displayName: String?
        @Flag(help: "Make the user an admin.") var admin = false
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with { tools in
                let name = try Username(username)
                let hash = try Prompt.newPasswordHash()
                _ = try await tools.users.create(name, displayName: displayName ?? name.text, passwordHash: hash, admin: admin)
                print("created \(name.text)")
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Keep a user out, and end their sessions.")
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                try await tools.users.setDisabled(user.id, true)
                try await tools.endSessions(of: user.id)
                print("disabled \(user.username)")
            }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled user in again.")
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                try await tools.users.setDisabled(user.id, false)
                print("enabled \(user.username)")
            }
        }
    }

    struct SetPassword: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Set a user's password and end their sessions; the password is asked for, or is the first line of standard input."
        )
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                try await tools.users.setPassword(user.id, try Prompt.newPasswordHash())
                try await tools.endSessions(of: user.id)
                print("password of \(user.username) set")
            }
        }
    }

    struct MakeAdmin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a user an admin.")
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                try await tools.users.setAdmin(user.id, true)
                print("\(user.username) is an admin")
            }
        }
    }
}

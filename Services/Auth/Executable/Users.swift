import ArgumentParser
import AuthService
import EverlineProtocol
import EverlineService
import Logging

extension Auth {
    struct Users: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look after users.",
            subcommands: [
                List.self, Create.self, Disable.self, Enable.self, SetPassword.self, RequireChange.self, MakeAdmin.self,
                RevokeAdmin.self,
                ResetSecondFactor.self, Delete.self,
            ])
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
        static let configuration = CommandConfiguration(abstract: "List all users, or those of whose names a text is part.")
        @Argument(help: "Part of a username or of a shown name.") var query: String?
        @OptionGroup var options: UserOptions
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            try await options.with { tools in
                var after: String?
                while true {
                    let page = try await tools.lists.users(.init(query: query, after: after, limit: 200))
                    for account in page.users { print(json ? Self.json(account) : Self.line(account)) }
                    guard page.hasMore, let last = page.users.last else { return }
                    after = last.user.username
                }
            }
        }

        private static func json(_ account: Account) -> String { String(decoding: account.jsonBytes(), as: UTF8.self) }
        private static func line(_ account: Account) -> String {
            let marks = [
                account.user.admin ? "admin" : nil, account.disabled ? "disabled" : nil,
                account.secondFactor ? "second factor" : nil,
                account.mustChange ? "must change" : nil,
            ].compactMap { $0 }
            return ([account.user.username, account.user.displayName, account.createdAt.description] + marks).joined(
                separator: "\t")
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a user; the password is asked for, or is the first line of standard input.")
        @Argument var username: String
        @Option(help: "The name that others see.") var displayName: String?
        @Flag(help: "Make the user an admin.") var admin = false
        @Flag(help: "The password is to be changed at the first login.") var mustChange = false
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with { tools in
                let name = try Username(username)
                try await tools.deeds.create(
                    name, displayName: displayName ?? name.text, passwordHash: try Prompt.newPasswordHash(of: name.text),
                    admin: admin,
                    mustChange: mustChange, by: Prompt.actor)
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
                await tools.announce(try await tools.deeds.disable(user, by: Prompt.actor))
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
                try await tools.deeds.enable(user, by: Prompt.actor)
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
        @Flag(help: "The password is to be changed at the next login.") var mustChange = false
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                let hash = try Prompt.newPasswordHash(of: user.username)
                await tools.announce(
                    try await tools.deeds.setPassword(of: user, to: hash, mustChange: mustChange, by: Prompt.actor))
                print("password of \(user.username) set")
            }
        }
    }

    struct RequireChange: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have a user change their password at the next login, and end their sessions.")
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                await tools.announce(try await tools.deeds.requireChange(of: user, by: Prompt.actor))
                print("\(user.username) must change the password")
            }
        }
    }

    struct MakeAdmin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a user an admin.")
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                _ = try await tools.deeds.setAdmin(user, true, by: Prompt.actor)
                print("\(user.username) is an admin")
            }
        }
    }

    struct RevokeAdmin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make an admin a user like others, and end their sessions.")
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                await tools.announce(try await tools.deeds.setAdmin(user, false, by: Prompt.actor))
                print("\(user.username) is no admin")
            }
        }
    }

    struct ResetSecondFactor: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a user in by the password alone, who has lost the second factor.")
        @Argument var username: String
        @OptionGroup var options: UserOptions

        func run() async throws {
            try await options.with(user: username) { tools, user in
                guard try await tools.deeds.removeSecondFactor(of: user, by: Prompt.actor) else {
                    throw RPCError(.invalidParams, detail: "\(user.username) has no second factor")
                }
                print("second factor of \(user.username) reset")
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete an account for good; accounts.deletedMessages says what becomes of its messages.")
        @Argument var username: String
        @Flag(help: "Do it; without this nothing happens.") var yes = false
        @OptionGroup var options: UserOptions

        func run() async throws {
            guard yes else { throw ValidationError("this cannot be taken back; say --yes") }
            try await options.with(user: username) { tools, user in
                guard let ended = try await tools.deeds.delete(user, burying: tools.buries, by: Prompt.actor) else {
                    throw RPCError(.userNotFound, detail: user.username)
                }
                await tools.announce(ended)
                print("deleted \(user.username)")
            }
        }
    }
}

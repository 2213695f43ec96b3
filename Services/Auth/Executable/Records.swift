import ArgumentParser
import AuthService
import EverlineProtocol
import EverlineService
import Foundation

extension Auth {
    struct Sessions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look after the sessions of a user.", subcommands: [List.self, Revoke.self])
    }

    struct Logins: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read the login log.", subcommands: [List.self])
    }

    /// What admins did.
    struct Actions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what was done to accounts, the newest first.")
        @OptionGroup var options: UserOptions
        @Option(help: "At most so many.") var limit: Int64 = 100
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            let limit = min(max(1, limit), 10_000)
            try await options.with { tools in
                for action in try await tools.lists.actions(limit: limit) {
                    print(
                        json
                            ? String(decoding: action.jsonBytes(), as: UTF8.self)
                            : [
                                action.at.description, action.by, action.action, action.subject, action.address,
                                action.detail ?? "",
                            ].joined(separator: "\t"))
                }
            }
        }
    }
}

extension Auth.Sessions {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the sessions of a user.")
        @Argument var username: String
        @OptionGroup var options: UserOptions
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            try await options.with(user: username) { tools, user in
                for one in try await tools.lists.sessions(of: user.id, current: nil) {
                    print(
                        json
                            ? String(decoding: one.jsonBytes(), as: UTF8.self)
                            : [
                                one.id, one.createdAt.description, one.lastSeenAt.description, one.expiresAt.description,
                                one.address,
                                one.client ?? "",
                            ].joined(separator: "\t"))
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End one session of a user, or all.")
        @Argument var username: String
        @Option(help: "The id of the one.") var id: String?
        @OptionGroup var options: UserOptions

        func run() async throws {
            let wanted = try id.map { text in
                guard let uuid = WireUUID(text) else { throw ValidationError("\(text) is no id of a session") }
                return uuid
            }
            try await options.with(user: username) { tools, user in
                let ended = try await tools.deeds.revoke(user, wanted, by: Prompt.actor)
                await tools.announce(ended)
                print("ended \(ended.count)")
            }
        }
    }
}

extension Auth.Logins {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List attempts to log in, the newest first.")
        @Option(help: "Of this user, or by this name.") var username: String?
        @Option(help: "That ended so: success, wrong_password, unknown_user, throttled …") var outcome: String?
        @Option(help: "From this address.") var address: String?
        @Option(help: "Since then (RFC 3339).") var since: String?
        @Option(help: "Before then (RFC 3339).") var until: String?
        @Option(help: "At most so many.") var limit: Int64 = 100
        @OptionGroup var options: UserOptions
        @Flag(help: "One JSON object a line.") var json = false

        func run() async throws {
            let params = AdminLogins.Params(
                username: username, outcome: outcome, address: address, since: try Self.time(since), until: try Self.time(until),
                limit: min(max(1, limit), 10_000))
            try await options.with { tools in
                for one in try await tools.lists.logins(params).logins {
                    print(
                        json
                            ? String(decoding: one.jsonBytes(), as: UTF8.self)
                            : [one.at.description, one.name ?? "", one.outcome, one.address, one.client ?? ""].joined(
                                separator: "\t"))
                }
            }
        }

        private static func time(_ text: String?) throws -> Timestamp? {
            guard let text else { return nil }
            guard let time = Timestamp(text) else { throw ValidationError("\(text) is no time as of RFC 3339") }
            return time
        }
    }
}

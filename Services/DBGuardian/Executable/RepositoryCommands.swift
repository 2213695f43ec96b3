import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian {
    struct RepositoryGroup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "repository", abstract: "Make a repository, or let a second cluster use it.",
            discussion: """
                Example: db-guardian repository create --repository-paths /mnt/backup --repository-key-file /etc/everline/repository.key
                Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                """,
            subcommands: [Create.self, Allow.self])

        struct Create: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Make each repository of repository.paths, and the key file if there is none.",
                discussion: """
                    Running it twice changes nothing. Keep a copy of the key file apart from the backups.
                    Example: db-guardian repository create --repository-paths /mnt/backup --repository-key-file /etc/everline/repository.key
                    Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                    """)
            @OptionGroup var options: ServiceOptions
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings("db-guardian", GuardianSettings.all)
                try await attempting {
                    var made: [String] = []
                    for path in try Repositories.paths(settings) {
                        JobProgress.terminal.step("making \(path)")
                        let done = try Repository.create(FolderStorage(path), keyFile: try Repositories.keyFile(settings))
                        if done.made { made.append(path) }
                    }
                    if json {
                        print(Report.json("created", made))
                    } else {
                        for path in made { print("made the repository \(path)") }
                        if made.isEmpty { print("nothing to do") }
                    }
                }
            }
        }

        struct Allow: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Let a second cluster use the repositories.",
                discussion: """
                    A cluster with another system identifier is refused otherwise, since it is most often a clone or a mistake.
                    Example: db-guardian repository allow 7445566778899001122
                    Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                    """)
            @OptionGroup var options: GuardianOptions
            @Argument(help: "Its system identifier, as pg_controldata says.") var system: String
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings()
                try await attempting {
                    for repository in try Repositories(settings).all { try repository.allow(system) }
                    print(json ? Report.json("allowed", [system]) : "system \(system) may use the repositories")
                }
            }
        }
    }

    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the key file, or add a new key to it.",
            discussion: "Example: db-guardian key check\nExit codes: 0 done, 1 refused or failed, 64 wrong usage.",
            subcommands: [Check.self, Rotate.self])

        struct Check: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Say whether the key file is whole and is the repositories' own.",
                discussion: "Example: db-guardian key check\nExit codes: 0 it is, 1 it is not, 64 wrong usage.")
            @OptionGroup var options: GuardianOptions
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings()
                try await attempting {
                    let keys = try Repositories(settings).first.keys?.names ?? []
                    print(
                        json
                            ? Report.json("keys", keys)
                            : keys.isEmpty ? "no encryption" : "the key file is well: \(keys.joined(separator: ", "))")
                }
            }
        }

        struct Rotate: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Add a new key, with which everything is written from now on.",
                discussion: """
                    What was written before stays readable by the older keys, which stay in the file. Copy the file to its safe place anew.
                    Example: db-guardian key rotate
                    Exit codes: 0 done, 1 refused or failed, 64 wrong usage.
                    """)
            @OptionGroup var options: GuardianOptions
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings()
                try await attempting {
                    guard let keys = try Repositories(settings).first.keys else {
                        throw GuardianError("the repository is not encrypted", hint: "there is no key to rotate")
                    }
                    let names = try keys.rotated().names
                    print(
                        json
                            ? Report.json("keys", names)
                            : "new key \(names[names.count - 1]); copy \(keys.file) to its safe place again")
                }
            }
        }
    }
}

import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian {
    struct BackupGroup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup", abstract: "Make backups, and look after those that are there.",
            discussion: """
                Example: db-guardian backup base
                Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 75 another job has the repository.
                """,
            subcommands: [Base.self, Database.self, Cluster.self, List.self, Show.self, Verify.self, Prune.self, Rebuild.self])

        struct Base: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Back up the whole cluster's files, from which any later moment can be restored.",
                discussion: """
                    By pg_basebackup as role replicator, checked by pg_verifybackup, compressed, encrypted and read back.
                    Example: db-guardian backup base
                    Exit codes: 0 done, 1 refused or failed (nothing of it is kept), 64 wrong usage, 75 another job has the repository.
                    """)
            @OptionGroup var options: GuardianOptions
            @OptionGroup var packing: PackingOptions
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await packing.settings(options)
                try await attempting {
                    let manifest = try await BaseBackup(settings, progress: .terminal, logger: Guardian.quiet).run()
                    try BackupOutput.tell(manifest, json: json)
                }
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "List the backups of all repositories, the oldest first.",
                discussion: "Example: db-guardian backup list\nExit codes: 0 done, 1 refused or failed, 64 wrong usage.")
            @OptionGroup var options: GuardianOptions
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings()
                try await attempting {
                    let list = try BackupList(.reachable(settings))
                    list.warnings.forEach(Failure.warn)
                    let lines = list.lines
                    if json { return try JSONOutput.print(lines) }
                    if lines.isEmpty { print("there is no backup yet. HINT: db-guardian backup base") }
                    for line in lines { print(line) }
                }
            }
        }

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show one backup: what it holds, and what restoring it needs.",
                discussion:
                    "Example: db-guardian backup show 20260131T080000Z-base-1f3a\nExit codes: 0 done, 1 no such backup, 64 wrong usage."
            )
            @OptionGroup var options: GuardianOptions
            @Argument(help: "The backup's id.") var id: String
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings()
                try await attempting {
                    let backup = try BackupList(.reachable(settings)).named(id)
                    try JSONOutput.print(backup.manifest, pretty: !json)
                }
            }
        }

        struct Rebuild: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Make lost or damaged manifests anew from the backups' files, and the lists of what there is too.",
                discussion: """
                    What is gone leaves the lists, so it is missed no longer: look at `db-guardian verify` before.
                    Example: db-guardian backup rebuild
                    Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 75 another job has the repository.
                    """)
            @OptionGroup var options: GuardianOptions
            @Flag(help: "Print for a program.") var json = false

            func run() async throws {
                let settings = try await options.settings()
                try await attempting {
                    let room = try await JobRoom("backup rebuild", settings, progress: .terminal)
                    var done: [String] = []
                    for system in try room.repositories.systems() { done += try await Rebuilding(room).rebuild(system) }
                    if json { return print(Report.json("rebuilt", done)) }
                    for line in done { print(line) }
                    if done.isEmpty { print("nothing to do") }
                }
            }
        }
    }
}

enum BackupOutput {
    static func tell(_ manifest: BackupManifest, json: Bool) throws {
        if json { return try JSONOutput.print(BackupLine(manifest, verified: true, proven: false)) }
        print("backup \(manifest.id): \(manifest.bytes >> 20) MiB, stored in \(manifest.storedBytes >> 20) MiB")
        print("to restore it: \(manifest.needs.joined(separator: "; "))")
    }
}

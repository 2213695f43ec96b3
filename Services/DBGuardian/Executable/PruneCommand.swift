import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian.BackupGroup {
    struct Database: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Dump the database of postgres.conninfo, with the roles (without their passwords).",
            discussion: """
                By pg_dump in directory format. It can be restored into any cluster of the same PostgreSQL, but only to the moment of the dump.
                Example: db-guardian backup database
                Exit codes: 0 done, 1 refused or failed (nothing of it is kept), 64 wrong usage, 75 another job has the repository.
                """)
        @OptionGroup var options: GuardianOptions
        @OptionGroup var packing: PackingOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws { try await Dump.run(.database, packing.settings(options), json: json) }
    }

    struct Cluster: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Dump roles with their passwords, and every database.",
            discussion: """
                By pg_dumpall --globals-only and pg_dump, as the superuser of roles.conninfo.
                Example: db-guardian backup cluster
                Exit codes: 0 done, 1 refused or failed (nothing of it is kept), 64 wrong usage, 75 another job has the repository.
                """)
        @OptionGroup var options: GuardianOptions
        @OptionGroup var packing: PackingOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws { try await Dump.run(.cluster, packing.settings(options), json: json) }
    }

    private enum Dump {
        static func run(_ kind: BackupKind, _ settings: Settings, json: Bool) async throws {
            try await attempting {
                let manifest = try await DumpBackup(kind, settings, progress: .terminal, logger: Guardian.quiet).run()
                try BackupOutput.tell(manifest, json: json)
            }
        }
    }

    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which backups and which WAL may go, and with --yes remove them.",
            discussion: """
                Keeps the newest base backup of each of the last weeks, those that the last days need, the newest dumps, and always the last proven one. \
                Refuses if no backup is proven.
                Example: db-guardian backup prune, then: db-guardian backup prune --yes
                Exit codes: 0 said or done, 1 refused or failed, 64 wrong usage, 75 another job has the repository.
                """)
        @OptionGroup var options: GuardianOptions
        @Option(help: "Base backups to keep, the newest of each week (instead of retention.weekly).") var weekly: Int?
        @Option(help: "Days back to which any moment stays restorable (instead of retention.days).") var days: Int?
        @Flag(help: "Remove what the plan says.") var yes = false
        @Flag(help: "Print for a program.") var json = false

        private struct Output: Encodable {
            let repository: String
            let applied: Bool
            let plan: PrunePlan
        }

        func run() async throws {
            var options = options
            if let weekly { options.set.append("retention.weekly=\(weekly)") }
            if let days { options.set.append("retention.days=\(days)") }
            let settings = try await options.settings()
            try await attempting {
                let pruning = try await Pruning(settings, progress: .terminal)
                JobProgress.terminal.step("planning")
                let planned = yes ? try await pruning.carryOut() : try pruning.plan()
                if json { return try JSONOutput.print(planned.map { Output(repository: $0.place, applied: yes, plan: $0.plan) }) }
                for (place, plan) in planned { tell(place, plan) }
            }
        }

        private func tell(_ place: String, _ plan: PrunePlan) {
            print("\(place):")
            for one in plan.keep { print("  keep    \(one.id): \(one.why)") }
            for one in plan.delete { print("  \(yes ? "removed" : "remove ") \(one.id): \(one.why)") }
            for one in plan.wal {
                print(
                    "  \(yes ? "removed" : "remove ") \(one.count) WAL segments of timeline \(one.timeline) before \(one.keptFrom)"
                )
            }
            for one in plan.unfinished { print("  \(yes ? "removed" : "remove ") \(one): it was never finished") }
            if !plan.ledgers.isEmpty { print("  \(yes ? "removed" : "remove ") \(plan.ledgers.count) ledgers") }
            if plan.isEmpty { print("  nothing is to go") }
            if !yes, !plan.isEmpty { print("nothing was touched. HINT: db-guardian backup prune --yes does it") }
        }
    }
}

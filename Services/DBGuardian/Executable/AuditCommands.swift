import ArgumentParser
import EverlinePostgres
import EverlineService
import Foundation
import GuardianService

extension Guardian {
    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "audit", abstract: "Who touches the database, what is wrong with that, and what to do.",
            discussion: """
                Example: db-guardian audit check, then: db-guardian audit findings --since 24h
                Exit codes: 0 done, 1 something is wrong, refused or failed, 64 wrong usage.
                """,
            subcommands: [
                Check.self, Harden.self, AuditWatch.self, FindingsCommand.self, Ack.self, ReportCommand.self, Explain.self,
                AuditBaselines.self,
                VerifyJournal.self, Rehearse.self,
            ])
    }
}

extension Guardian.Audit {
    struct FindingsCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "findings", abstract: "What was found, the newest last.",
            discussion: """
                Asks the database, or, where that cannot be reached, the journal beside the backups.
                Example: db-guardian audit findings --since 24h --severity high
                Exit codes: 0 said, 1 refused or failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Option(help: "Only those seen since: a span (24h, 90m, 7d) or a time with its zone.") var since: String?
        @Option(help: "Only from this severity on: low, medium, high or critical.") var severity: Severity = .low
        @Option(help: "Only of this rule.") var rule: String?
        @Flag(help: "Only those that nobody has acknowledged.") var open = false
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let filter = FindingFilter(
                    since: try since.map { try FindingFilter.moment($0) }, severity: severity, rule: rule, unacknowledged: open)
                let found = try await FindingSource(settings, logger: Guardian.quiet).findings(filter)
                if let why = found.note { FileHandle.standardError.write(Data("note: \(why)\n".utf8)) }
                if json { return try JSONOutput.print(found.findings.map { FindingLine($0) }) }
                for finding in found.findings { print(finding) }
                if found.findings.isEmpty { print("nothing was found") }
            }
        }
    }

    struct Ack: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that a finding has been seen to, and what came of it.",
            discussion: """
                The note goes into the journal and the database. What happens again for the same cause is a new finding.
                Example: db-guardian audit ack 20260131T080000Z-1f3a9c02 --note "the migration of ticket 42, by hand"
                Exit codes: 0 done, 1 no such finding, refused or failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Argument(help: "The finding's id; several may be given.") var ids: [String]
        @Option(help: "What it was, and what was done.") var note: String
        @Option(help: "Who has seen to it; default: the user at the prompt.") var by: String?
        @Flag(help: "Print for a program.") var json = false

        func validate() throws {
            guard !ids.isEmpty else { throw ValidationError("give a finding's id") }
            guard !note.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty else {
                throw ValidationError("--note must say something")
            }
        }

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let done = try await FindingSource(settings, logger: Guardian.quiet).acknowledge(ids, by: by, note: note)
                if json { return try JSONOutput.print(done.map { FindingLine($0) }) }
                for finding in done { print("acknowledged \(finding.id): \(finding.title)") }
            }
        }
    }

    struct VerifyJournal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify-journal",
            abstract: "Prove that no entry of the journal of findings was edited, removed or moved.",
            discussion: """
                Reads the chain in each repository, and compares its end with what the database knows of it.
                Example: db-guardian audit verify-journal
                Exit codes: 0 it is whole, 1 it is not, or it failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let reports = try await FindingSource(settings, logger: Guardian.quiet).verifyJournals()
                if json {
                    try JSONOutput.print(JournalReports(journals: reports))
                } else {
                    for report in reports {
                        for problem in report.problems { print("\(report.journal): \(problem.words)") }
                        for note in report.notes { print("\(report.journal): note: \(note)") }
                        if report.ok { print("\(report.journal) is whole: \(report.entries) entries") }
                    }
                }
                if !reports.allSatisfy(\.ok) { throw ExitCode(1) }
            }
        }

        private struct JournalReports: Encodable {
            let journals: [JournalReport]
            private enum CodingKeys: String, CodingKey { case ok, journals, problems }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(journals.allSatisfy(\.ok), forKey: .ok)
                try container.encode(journals, forKey: .journals)
                try container.encode(
                    journals.flatMap { one in one.problems.map { "\(one.journal): \($0.words)" } }, forKey: .problems)
            }
        }
    }
}

extension Severity: ExpressibleByArgument {}

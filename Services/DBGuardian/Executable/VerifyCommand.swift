import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian.BackupGroup {
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read everything in every repository and name what is damaged or missing.",
            discussion: """
                Example: db-guardian verify, or for one backup: db-guardian backup verify 20260131T080000Z-base-1f3a
                Exit codes: 0 all is whole, 1 something is not, or it failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Argument(help: "Only this backup.") var id: String?
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let report = try Verification.run(settings, only: id, progress: .terminal)
                if json {
                    try JSONOutput.print(report)
                } else {
                    for problem in report.problems { print("\(problem.artefact): \(problem.problem)") }
                    if report.ok { print("all is whole: \(report.read) files") }
                }
                if let first = report.problems.first {
                    throw GuardianError(
                        "\(report.problems.count) problem\(report.problems.count == 1 ? "" : "s") in \(report.read) files, first \(first.artefact): \(first.problem.replacingOccurrences(of: "HINT:", with: "perhaps:"))",
                        hint:
                            "another repository or backup may be whole; a lost or damaged manifest is made anew by `db-guardian backup rebuild`"
                    )
                }
            }
        }
    }
}

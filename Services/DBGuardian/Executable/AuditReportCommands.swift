import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian.Audit {
    struct ReportCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "report", abstract: "Findings of a span of time, for a person, a program or a browser.",
            discussion: """
                The page holds all it needs, charts too, and asks nothing of any server.
                Example: db-guardian audit report --since 24h --format html > findings.html
                Exit codes: 0 said, 1 refused or failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Option(help: "From when on: a span (24h, 90m, 7d) or a time with its zone.") var since = "24h"
        @Option(help: "text, json or html.") var format: Format?
        @Flag(help: "The same as --format json.") var json = false

        enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, html }

        func validate() throws {
            guard !json || format == nil || format == .json else { throw ValidationError("give one of --json and --format") }
        }

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let data = try await FindingSource(settings, logger: Guardian.quiet).report(since: since)
                switch format ?? (json ? .json : .text) {
                case .text: print(ReportText.text(data))
                case .json: print(try data.json())
                case .html: print(ReportPage.html(data), terminator: "")
                }
            }
        }
    }

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What a rule looks for, what looks alike and is none, and what to do.",
            discussion: """
                Example: db-guardian audit explain mass-drop; without a name: all of them, a line each
                Exit codes: 0 said, 1 no such rule, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Argument(help: "The rule's id.") var rule: String?
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let thresholds = try await options.settings().optional("watch.thresholds") ?? ""
            try await attempting {
                guard let rule else {
                    if json { return try JSONOutput.print(RuleTable.all) }
                    for one in RuleTable.all { print("\(one.id) (\(one.severity.rawValue)): \(one.description)") }
                    return
                }
                guard let found = RuleTable.definition(rule) else {
                    throw GuardianError("there is no rule \(rule)", hint: "`db-guardian audit explain` lists them")
                }
                if json { return try JSONOutput.print(found) }
                print("\(found.id) (\(found.severity.rawValue))")
                print("looks for:   \(found.description)")
                print("is normal:   \(found.normal)")
                print("what to do:  \(found.advice)")
                for one in found.thresholds {
                    let value = try RuleTable.threshold(found.id, one.name, thresholds)
                    let standard = value == one.value ? "" : " (by default \(one.value.formatted()))"
                    print("threshold:   \(found.id).\(one.name) = \(value.formatted())\(standard): \(one.meaning)")
                }
                if !found.thresholds.isEmpty { print("set by:      watch.thresholds, as rule.name=number with commas between") }
            }
        }
    }

    struct Rehearse: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Raise a finding of rule rehearsal, to see that whoever is to be told is told.",
            discussion: """
                It is journalled, stored and told like any other, over each channel that is configured, and waits until each has told it.
                Example: db-guardian audit rehearse --severity high
                Exit codes: 0 everybody was told, 1 somebody was not, or it failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Option(help: "low, medium, high or critical.") var severity: Severity = .critical
        @Option(help: "Seconds to wait for the channels.") var wait = 30
        @Flag(help: "Print for a program.") var json = false

        func validate() throws {
            guard 1...600 ~= wait else { throw ValidationError("--wait is from 1 to 600") }
        }

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let result = try await Rehearsing(settings, logger: Guardian.quiet).run(severity, seconds: wait)
                if json {
                    try JSONOutput.print(result)
                } else {
                    print(result.finding.map { "finding \($0)" } ?? "the finding could not be stored")
                    for name in result.told { print("told: \(name)") }
                    for name in result.untold {
                        print("NOT told: \(name). HINT: the log of `db-guardian serve`, or --set log.level=debug, says why")
                    }
                    if result.told.isEmpty, result.untold.isEmpty { print("no channel is configured but the log") }
                }
                if result.finding == nil || !result.untold.isEmpty { throw ExitCode(1) }
            }
        }
    }
}

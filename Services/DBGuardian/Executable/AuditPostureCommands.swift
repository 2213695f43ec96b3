import ArgumentParser
import EverlineService
import Foundation
import GuardianService

extension Guardian.Audit {
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "How the server, its roles, its files and its backups stand, by CIS number and by items of our own.",
            discussion: """
                Looks as the superuser of roles.conninfo, and changes nothing. What audit.accepted names may fail.
                Example: db-guardian audit check
                Exit codes: 0 all is well or accepted, 1 something is not, or it failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print for a program.") var json = false
        @Flag(help: "Only what is not well.") var failed = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let check = PostureCheck(settings, logger: Guardian.quiet)
                let items = try await check.run()
                let shown = failed ? items.filter { !$0.ok } : items
                if json { try JSONOutput.print(shown) } else { tell(shown, items, check) }
                if !items.allSatisfy({ $0.ok || check.isAccepted($0) }) { throw ExitCode(1) }
            }
        }

        private func tell(_ shown: [PostureItem], _ all: [PostureItem], _ check: PostureCheck) {
            for item in shown {
                let word = item.ok ? "ok  " : check.isAccepted(item) ? "ok* " : "FAIL"
                let number = item.cis.map { $0.padding(toLength: 7, withPad: " ", startingAt: 0) } ?? "       "
                print("\(word) \(number) \(item.item): \(item.value)\(item.source.map { "  [\($0)]" } ?? "")")
                if let hint = item.hint { print("             HINT: \(hint)") }
            }
            let failed = all.filter { !$0.ok && !check.isAccepted($0) }.count
            let accepted = all.filter { !$0.ok }.count - failed
            print("\(all.count) items, \(failed) not well\(accepted == 0 ? "" : ", \(accepted) accepted (*)")")
        }
    }

    struct Harden: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set what is missing: pgAudit, logging, TLS, SCRAM, no trust, file modes.",
            discussion: """
                By ALTER SYSTEM and a reload, as the superuser of roles.conninfo; says what needs a restart, and is then to be run again. What somebody else \
                had set is replaced only after asking, or with --yes; where there is no terminal to ask at, it is left. Running it twice changes nothing.
                Example: db-guardian audit harden --plan, then: db-guardian audit harden
                Exit codes: 0 nothing is missing any more (but for a restart), 1 something was left or failed, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Only say what would be done.") var plan = false
        @Flag(help: "Replace what somebody else had set without asking.") var yes = false
        @Flag(help: "Print for a program.") var json = false

        private struct Output: Encodable {
            let applied: Bool
            let needsRestart: Bool
            let steps: [HardeningStep]
        }

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let hardening = try Hardening(settings, logger: Guardian.quiet)
                var steps = try await hardening.plan()
                if !plan { steps = try await hardening.carryOut(steps) { yes || ask($0) } }
                let restart = steps.contains { $0.needsRestart && $0.outcome != .left && $0.outcome != .failed }
                if json {
                    try JSONOutput.print(Output(applied: !plan, needsRestart: restart, steps: steps))
                } else {
                    tell(steps, restart)
                }
                if steps.contains(where: { $0.outcome == .left || $0.outcome == .failed }) { throw ExitCode(1) }
            }
        }

        private func ask(_ step: HardeningStep) -> Bool {
            guard isatty(0) == 1, isatty(2) == 1, let old = step.replaces else { return false }
            FileHandle.standardError.write(
                Data("\(step.what)\n  instead of: \(old)\n  because: \(step.why)\nReplace it? [y/N] ".utf8))
            return ["y", "yes"].contains((readLine() ?? "").lowercased())
        }

        private func tell(_ steps: [HardeningStep], _ restart: Bool) {
            for step in steps {
                print("\(word(step)) \(step.what)\(step.needsRestart ? " (needs a restart)" : "")")
                print("      \(step.why)")
                if let old = step.replaces { print("      instead of: \(old)") }
                if let error = step.error { print("      error: \(error)") }
            }
            if steps.isEmpty { print("nothing is missing") }
            if restart { print("the server is to be restarted for some of it. HINT: then run db-guardian audit harden again") }
            if steps.contains(where: { $0.outcome == .left }) {
                print("what somebody else had set was left. HINT: --yes replaces it")
            }
        }

        private func word(_ step: HardeningStep) -> String {
            switch step.outcome {
            case .planned: step.replaces == nil ? "would set " : "would ask "
            case .done: "set "
            case .left: "left"
            case .failed: "FAILED"
            }
        }
    }
}

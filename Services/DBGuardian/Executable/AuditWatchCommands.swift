import ArgumentParser
import EverlineService
import Foundation
import GuardianService
import Logging

extension Guardian {
    struct AuditWatch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch", abstract: "Follow the server's log and its catalogues, and tell what the rules see.",
            discussion: """
                `serve` does it by itself; while it does, this one only looks and keeps nothing. What is seen is printed, one alarm a line.
                Example: db-guardian audit watch --json
                Exit codes: 0 stopped as told (SIGTERM, SIGINT), 1 it could not begin, 64 wrong usage.
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Print each alarm as one JSON object a line.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting(stoppable: false) {
                let watch = try Watch(settings, sink: PrintedAlarms(json: json), logger: Guardian.heard)
                try await untilTold { try await watch.run() }
            }
        }
    }

    struct AuditBaselines: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "baselines", abstract: "Show what roles usually do, as the watch has learned it, or have it forget.",
            discussion: """
                Of roles that are not the guardian's own: addresses, applications and hours of their logins, since when.
                Example: db-guardian audit baselines --reset --role report
                Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 75 the watch is running (only --reset).
                """)
        @OptionGroup var options: GuardianOptions
        @Flag(help: "Forget what was learned.") var reset = false
        @Option(help: "Only of this role.") var role: String?
        @Flag(help: "Print for a program.") var json = false

        func run() async throws {
            let settings = try await options.settings()
            try await attempting {
                let file = try await BaselineFile(settings, logger: Guardian.quiet)
                if reset {
                    let names = try await file.forget(role)
                    if json { return try JSONOutput.print(["forgotten": names]) }
                    for name in names { print("forgotten: \(name)") }
                    if names.isEmpty { print("nothing was known") }
                    return
                }
                let roles = try file.baselines().roles.filter { role == nil || $0.key == role }
                if json { return try JSONOutput.print(roles) }
                if roles.isEmpty { print("nothing has been learned yet") }
                for (name, usual) in roles.sorted(by: { $0.key < $1.key }) {
                    print("\(name), since \(Date(timeIntervalSince1970: Double(usual.since) / 1_000).formatted(.iso8601))")
                    print("  addresses: \(usual.addresses.joined(separator: ", "))")
                    print("  applications: \(usual.applications.joined(separator: ", "))")
                    print("  hours (UTC): \(usual.hours.map(String.init).joined(separator: " "))")
                }
            }
        }
    }

    /// What happens while a command goes on, as lines of the log on standard error.
    static var heard: Logger {
        Logger(label: "db-guardian") { _ in JSONLog(service: "db-guardian", level: .notice) }
    }
}

/// Alarms on standard output.
private struct PrintedAlarms: AlarmSink {
    let json: Bool

    func raise(_ alarm: Alarm) async {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            encoder.dateEncodingStrategy = .iso8601
            guard let line = try? encoder.encode(alarm) else { return }
            FileHandle.standardOutput.write(line + Data("\n".utf8))
            return
        }
        let who = [alarm.role, alarm.address].compactMap(\.self).joined(separator: "@")
        let what = [alarm.object, alarm.statement].compactMap(\.self).joined(separator: ": ")
        let text =
            "\(alarm.at.formatted(.iso8601)) \(alarm.severity.rawValue) \(alarm.rule) \(who) \(what)\n    \(alarm.evidence.joined(separator: "; "))\n    HINT: \(alarm.advice)\n"
        FileHandle.standardOutput.write(Data(text.utf8))
    }
}

/// Runs until SIGTERM or SIGINT.
private func untilTold(_ body: @escaping @Sendable () async throws -> Void) async throws {
    let task = Task { try await body() }
    let sources = [SIGTERM, SIGINT].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler { task.cancel() }
        source.resume()
        return source
    }
    defer { for source in sources { source.cancel() } }
    do { try await task.value } catch is CancellationError {}
}

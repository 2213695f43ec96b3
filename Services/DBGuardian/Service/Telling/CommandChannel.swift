import Foundation

/// A program that gets one finding as JSON on its standard input, and EVERLINE_FINDING, EVERLINE_RULE and EVERLINE_SEVERITY. It must end with 0 within half
/// a minute.
struct CommandChannel: Channel {
    let name = "command"
    let minimum: Severity
    let batch = 1
    private let command: [String]

    private static let seconds = "30"

    /// - Parameter command: the program and its arguments, with blanks between; no shell reads it.
    init(_ command: String, minimum: Severity) {
        self.command = command.split(separator: " ").map(String.init)
        self.minimum = minimum
    }

    func tell(_ findings: [Finding]) async throws {
        for finding in findings {
            let bytes = try FindingLine(finding).json() + [10]
            let tool = Tool(
                "timeout", ["--kill-after=5", Self.seconds] + command,
                environment: [
                    "EVERLINE_FINDING": finding.id, "EVERLINE_RULE": finding.rule, "EVERLINE_SEVERITY": finding.severity.rawValue,
                ])
            try await Blocking.run {
                let fed = try FedTool(tool)
                // One that does not read its input is not at fault; its exit code says whether it is well.
                try? fed.write(bytes)
                try fed.finish()
            }
        }
    }
}

import EverlineProtocol
package import EverlineService
import Foundation

/// The command that brings back the moment before data was destroyed.
package struct RestoreAdvice: Sendable {
    private let program: String
    private let configuration: String?
    private let folder: String

    package init(_ settings: Settings) throws {
        program = (try? OwnProgram.path()) ?? "db-guardian"
        configuration = settings.file.map { URL(fileURLWithPath: $0).path }
        folder = try settings.optional("audit.restoreFolder") ?? settings.string("drill.folder")
    }

    /// A record is written before the transaction that it tells of commits, so nothing of that has happened a millisecond earlier. What statistics or a
    /// look at the rooms have shown happened some time before it was seen: counters come up to ten seconds late (manual 28.2.2), and looks are seconds apart.
    /// - Parameters:
    ///   - at: RFC 3339, of the first that was seen.
    ///   - isRecorded: whether a line of the server's log tells of it.
    package func command(before at: String, isRecorded: Bool = true) -> String? {
        guard let time = Timestamp(at) else { return nil }
        let moment = Timestamp(milliseconds: time.milliseconds - (isRecorded ? 1 : Self.unrecorded))
        let place = "\(folder)/everline-before-\(moment.compact)"
        let settings = configuration.map { " --config \(Self.quoted($0))" } ?? ""
        return "\(Self.quoted(program)) restore\(settings) --to \(Self.quoted(place)) --at \(moment.description)"
    }

    private static let unrecorded: Int64 = 60_000

    private static func quoted(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-".contains($0)) }
        return plain && !text.isEmpty ? text : "'" + text.replacingOccurrences(of: "'", with: #"'\''"#) + "'"
    }

    static let words = "to bring back the moment before: "
    private static let about =
        "No record tells when exactly: the command goes to a minute before it was seen; --at may go nearer."

    /// The advice with the command; nothing is changed for a finding that destroyed nothing.
    func added(to finding: Finding) -> Finding {
        let isRecorded = finding.evidence.contains { $0.contains(".json:") }
        guard let at = finding.destroyedAt, let command = command(before: at, isRecorded: isRecorded) else { return finding }
        var finding = finding
        let lines = finding.advice.split(separator: "\n").map(String.init).filter {
            !$0.hasPrefix(Self.words) && $0 != Self.about
        }
        finding.advice = (lines + (isRecorded ? [] : [Self.about]) + [Self.words + command]).joined(separator: "\n")
        return finding
    }
}

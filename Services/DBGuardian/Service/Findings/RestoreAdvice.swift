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

    /// A record is written before the transaction that it tells of commits, so nothing of that has happened a millisecond earlier.
    /// - Parameter at: RFC 3339, of the first record.
    package func command(before at: String) -> String? {
        guard let time = Timestamp(at) else { return nil }
        let moment = Timestamp(milliseconds: time.milliseconds - 1)
        let place = "\(folder)/everline-before-\(moment.compact)"
        let settings = configuration.map { " --config \(Self.quoted($0))" } ?? ""
        return "\(Self.quoted(program)) restore\(settings) --to \(Self.quoted(place)) --at \(moment.description)"
    }

    private static func quoted(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-".contains($0)) }
        return plain && !text.isEmpty ? text : "'" + text.replacingOccurrences(of: "'", with: #"'\''"#) + "'"
    }

    static let words = "to bring back the moment before: "

    /// The advice with the command; nothing is changed for a finding that destroyed nothing.
    func added(to finding: Finding) -> Finding {
        guard let at = finding.destroyedAt, let command = command(before: at) else { return finding }
        var finding = finding
        let lines = finding.advice.split(separator: "\n").filter { !$0.hasPrefix(Self.words) }
        finding.advice = (lines.map(String.init) + [Self.words + command]).joined(separator: "\n")
        return finding
    }
}

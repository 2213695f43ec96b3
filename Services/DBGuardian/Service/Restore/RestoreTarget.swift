import EverlineProtocol
import Foundation

/// To where a restore goes.
package enum RestoreTarget: Sendable, Equatable {
    /// As far as the WAL goes.
    case latest
    /// All that had committed by then, and nothing later. Microseconds since 1970.
    case time(Int64)
    /// A restore point.
    case point(String)
    /// A backup as it was when it ended.
    case backup(String)

    package var text: String {
        switch self {
        case .latest: "latest"
        case .time(let time): Self.text(time)
        case .point(let name): name
        case .backup(let id): id
        }
    }

    /// RFC 3339 in UTC with microseconds.
    package static func text(_ microseconds: Int64) -> String {
        let (milliseconds, rest) = (microseconds / 1_000, microseconds % 1_000)
        let text = Timestamp(milliseconds: milliseconds).description.dropLast()
        return rest == 0 ? text + "Z" : text + String(format: "%03d", rest) + "Z"
    }

    /// A moment as an operator writes it: RFC 3339, or with a space instead of the `T`, and with `+08` or `+0800` for an
    /// offset. It must name its
    /// offset: a guess at the time zone is a restore to the wrong hour.
    package static func time(from given: String) throws -> RestoreTarget {
        var text = given.trimmingCharacters(in: .whitespaces)
        if let space = text.firstIndex(of: " "), text.distance(from: text.startIndex, to: space) == 10 {
            text.replaceSubrange(space...space, with: "T")
            text.removeAll { $0 == " " }
        }
        if let sign = text.dropFirst(11).lastIndex(where: { $0 == "+" || $0 == "-" }) {
            let offset = text[text.index(after: sign)...].filter { $0 != ":" }
            if offset.count == 2 { text = String(text[...sign]) + offset + ":00" }
            if offset.count == 4 { text = String(text[...sign]) + offset.prefix(2) + ":" + offset.suffix(2) }
        } else if text.last != "Z", text.last != "z", text.count >= 16 {
            throw GuardianError(
                "\(given) does not say its time zone", hint: "add it: \(given)Z for UTC, \(given)+08:00 for Taipei")
        }
        if text.dropFirst(16).first.map({ $0 != ":" }) == true {
            text.insert(contentsOf: ":00", at: text.index(text.startIndex, offsetBy: 16))
        }
        guard let time = Timestamp(text) else {
            throw GuardianError("\(given) is no time", hint: "like 2026-01-31T08:00:00Z or \"2026-01-31 16:00:00+08\"")
        }
        var rest: Int64 = 0
        if let dot = text.firstIndex(of: ".") {
            let digits = text[text.index(after: dot)...].prefix { $0.isNumber }
            rest = Int64(String(String(digits.dropFirst(3)) + "000").prefix(3)) ?? 0
        }
        return .time(time.milliseconds * 1_000 + rest)
    }
}

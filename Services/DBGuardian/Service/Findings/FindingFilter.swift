package import EverlineProtocol

/// Which findings are asked for.
package struct FindingFilter: Sendable {
    /// RFC 3339; those that were seen then or later.
    package var since: String?
    /// That one and those above it.
    package var severity: Severity
    package var rule: String?
    package var unacknowledged: Bool
    package var limit: Int64

    package static let most: Int64 = 10_000

    package init(
        since: String? = nil, severity: Severity = .low, rule: String? = nil, unacknowledged: Bool = false, limit: Int64 = most
    ) {
        self.since = since
        self.severity = severity
        self.rule = rule
        self.unacknowledged = unacknowledged
        self.limit = limit
    }

    init(_ wanted: FindingsWanted) {
        self.init(
            since: wanted.since?.description, severity: wanted.severity.flatMap { Severity(rawValue: $0) } ?? .low,
            rule: wanted.rule,
            limit: wanted.limit ?? 100)
    }

    var severities: [String] { Severity.allCases.filter { $0 >= severity }.map(\.rawValue) }

    func matches(_ finding: Finding) -> Bool {
        finding.severity >= severity && (rule == nil || rule == finding.rule) && (since == nil || finding.lastAt >= since ?? "")
            && (!unacknowledged || finding.acknowledgement == nil)
    }

    /// `24h`, `90m`, `7d`, or a moment as an operator writes it.
    package static func moment(_ text: String, now: Timestamp = .now) throws -> String {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800]
        if let last = text.last, let unit = units[last], let number = Int64(text.dropLast()), number >= 0, number <= 1_000_000 {
            return Timestamp(milliseconds: now.milliseconds - number * unit * 1_000).description
        }
        guard case .time(let time)? = try? RestoreTarget.time(from: text) else {
            throw GuardianError("\(text) is neither a span nor a time", hint: "like 24h, 90m, 7d, or \"2026-01-31 16:00:00+08\"")
        }
        return Timestamp(milliseconds: time / 1_000).description
    }
}

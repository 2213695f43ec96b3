package import Foundation

package enum Severity: String, Sendable, Codable, CaseIterable, Comparable {
    case low, medium, high, critical

    private var rank: Int {
        switch self {
        case .low: 0
        case .medium: 1
        case .high: 2
        case .critical: 3
        }
    }
    package static func < (one: Severity, other: Severity) -> Bool { one.rank < other.rank }
}

/// What a rule has seen; becomes a finding, or one more occurrence of one.
package struct Alarm: Sendable, Codable, Hashable {
    /// The rule's id.
    package var rule: String
    package var severity: Severity
    /// When it happened, by the server's clock.
    package var at: Date
    /// The login role, and from where (an address, or `[local]`).
    package var role, address: String?
    package var database, object: String?
    /// Without data; passwords in it are masked on the way into a finding.
    package var statement: String?
    /// `everline.json:1234` (log file and line), or a catalogue difference in words.
    package var evidence: [String]
    /// What to do.
    package var advice: String
    /// Alarms of one rule with an equal cause within some time are one finding.
    package var cause: String
    /// Data was destroyed: the finding names the restore command for just before `at`.
    package var destroyed: Bool

    package init(
        rule: String, severity: Severity, at: Date, role: String? = nil, address: String? = nil, database: String? = nil,
        object: String? = nil, statement: String? = nil, evidence: [String], advice: String, cause: String,
        destroyed: Bool = false
    ) {
        self.rule = rule
        self.severity = severity
        self.at = at
        self.role = role
        self.address = address
        self.database = database
        self.object = object
        self.statement = statement
        self.evidence = evidence
        self.advice = advice
        self.cause = cause
        self.destroyed = destroyed
    }
}

/// Where alarms go. Never throws: what cannot be stored is kept (bounded), journalled, and tried again.
package protocol AlarmSink: Sendable {
    func raise(_ alarm: Alarm) async
    /// How many audited statements there were since the last call, for reports.
    func count(_ statements: StatementCounts) async
}

extension AlarmSink {
    package func count(_ statements: StatementCounts) async {}
}

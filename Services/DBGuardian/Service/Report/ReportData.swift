package import EverlineProtocol
import Foundation

/// What a report tells of a span of time.
package struct ReportData: Encodable, Sendable {
    package struct Count: Encodable, Sendable, Equatable {
        package let name: String
        package let count: Int64
    }
    /// Occurrences in a part of the span.
    package struct Slot: Encodable, Sendable {
        package let from: String
        package internal(set) var critical: Int64 = 0
        package internal(set) var high: Int64 = 0
        package internal(set) var medium: Int64 = 0
        package internal(set) var low: Int64 = 0
        var total: Int64 { critical + high + medium + low }
    }
    /// A finding with what the fixed shape leaves out.
    package struct Entry: Encodable, Sendable {
        package let finding: Finding
        private enum CodingKeys: String, CodingKey { case acknowledgement, destroyedAt }
        package func encode(to encoder: any Encoder) throws {
            try FindingLine(finding).encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(finding.acknowledgement, forKey: .acknowledgement)
            try container.encode(finding.destroyedAt, forKey: .destroyedAt)
        }
    }

    package let from: String
    package let to: String
    package let findings: [Entry]
    package let occurrences: Int64
    package let unacknowledged: Int
    package let bySeverity: [Count]
    package let byRule: [Count]
    package let byRole: [Count]
    package let byTime: [Slot]
    package let statementsByClass: [Count]
    /// Where the findings come from, if not from the database.
    package let note: String?

    static let slots = 24

    package init(
        since: Timestamp, until: Timestamp, findings: [Finding], statements: [(name: String, count: Int64)], note: String?
    ) {
        from = since.description
        to = until.description
        self.findings = findings.map(Entry.init)
        self.note = note
        occurrences = findings.reduce(0) { $0 + $1.count }
        unacknowledged = findings.filter { $0.acknowledgement == nil }.count
        bySeverity = Severity.allCases.reversed().map { severity in
            Count(name: severity.rawValue, count: Int64(findings.filter { $0.severity == severity }.count))
        }
        func counted(_ name: (Finding) -> String) -> [Count] {
            Dictionary(grouping: findings, by: name).map { Count(name: $0.key, count: Int64($0.value.count)) }
                .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
        }
        byRule = counted(\.rule)
        byRole = counted { $0.role ?? "unknown" }
        let span = max(1, until.milliseconds - since.milliseconds)
        var slots = (0..<Self.slots).map {
            Slot(from: Timestamp(milliseconds: since.milliseconds + span * Int64($0) / Int64(Self.slots)).description)
        }
        for finding in findings {
            guard let at = Timestamp(finding.at) else { continue }
            let index = Int(min(Int64(Self.slots - 1), max(0, (at.milliseconds - since.milliseconds) * Int64(Self.slots) / span)))
            switch finding.severity {
            case .critical: slots[index].critical += 1
            case .high: slots[index].high += 1
            case .medium: slots[index].medium += 1
            case .low: slots[index].low += 1
            }
        }
        byTime = slots
        statementsByClass = statements.map { Count(name: $0.name, count: $0.count) }
    }

    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension FindingSource {
    /// What a report is made of.
    package func report(since text: String) async throws -> ReportData {
        let now = Timestamp.now
        let since = try FindingFilter.moment(text, now: now)
        let found = try await findings(FindingFilter(since: since))
        guard let start = Timestamp(since) else { throw GuardianError("\(text) is no time") }
        let statements = (try? await withStore { try await $0.statementsByClass(since: start) }) ?? []
        return ReportData(since: start, until: now, findings: found.findings, statements: statements, note: found.note)
    }
}

package import EverlineProtocol
package import Foundation

/// Something that was seen, as often as it was seen for the same cause within some time.
package struct Finding: Codable, Sendable, Equatable {
    package let id: String
    package let rule: String
    package internal(set) var severity: Severity
    /// First and last occurrence, by the server's clock; RFC 3339.
    package internal(set) var at: String
    package internal(set) var lastAt: String
    package internal(set) var count: Int64
    package let role, address, database, object, statement: String?
    package internal(set) var evidence: [String]
    package internal(set) var advice: String
    package let cause: String
    /// The first moment at which data was destroyed; nil if none was.
    package internal(set) var destroyedAt: String?
    package internal(set) var acknowledgement: Acknowledgement?

    /// Evidence beyond so many is only counted.
    static let mostEvidence = 20
    static let longestText = 2_000

    /// A finding of one occurrence. What could hold data or a password is taken out here, whoever raised it.
    package init(_ alarm: Alarm, id: String) {
        self.id = id
        rule = alarm.rule
        severity = alarm.severity
        at = Timestamp(alarm.at).description
        lastAt = at
        count = 1
        func short(_ text: String?) -> String? { text.map { Self.storable(PasswordMask.masked($0)) } }
        role = short(alarm.role)
        address = short(alarm.address)
        database = short(alarm.database)
        object = short(alarm.object)
        statement = alarm.statement.map { Self.storable(StatementText.withoutData($0)) }
        evidence = alarm.evidence.prefix(Self.mostEvidence).compactMap(short)
        advice = Self.storable(PasswordMask.masked(alarm.advice), hasLines: true)
        cause = short(alarm.cause) ?? ""
        destroyedAt = alarm.destroyed ? at : nil
    }

    package init(
        id: String, rule: String, severity: Severity, at: String, lastAt: String, count: Int64, role: String?, address: String?,
        database: String?, object: String?, statement: String?, evidence: [String], advice: String, cause: String,
        acknowledgement: Acknowledgement?
    ) {
        self.id = id
        self.rule = rule
        self.severity = severity
        self.at = at
        self.lastAt = lastAt
        self.count = count
        self.role = role
        self.address = address
        self.database = database
        self.object = object
        self.statement = statement
        self.evidence = evidence
        self.advice = advice
        self.cause = cause
        self.acknowledgement = acknowledgement
    }

    /// One more occurrence.
    mutating func add(_ alarm: Alarm) {
        let more = Finding(alarm, id: id)
        count += 1
        severity = max(severity, more.severity)
        at = min(at, more.at)
        lastAt = max(lastAt, more.lastAt)
        if let destroyed = more.destroyedAt { destroyedAt = min(destroyedAt ?? destroyed, destroyed) }
        for line in more.evidence where evidence.count < Self.mostEvidence && !evidence.contains(line) { evidence.append(line) }
    }

    /// Whether it has been told of exactly that: of the same records, which are in the log once.
    func tells(_ alarm: Alarm) -> Bool {
        let more = Finding(alarm, id: id)
        let records = more.evidence.filter { Self.isRecord($0) }
        return !records.isEmpty && more.at >= at && more.at <= lastAt && severity >= more.severity
            && (destroyedAt != nil || more.destroyedAt == nil) && records.allSatisfy(evidence.contains)
    }

    /// `everline.json:1234`
    private static func isRecord(_ evidence: String) -> Bool {
        guard let mark = evidence.range(of: ".json:", options: .backwards) else { return false }
        return !evidence[mark.upperBound...].isEmpty && evidence[mark.upperBound...].allSatisfy(\.isNumber)
    }

    /// PostgreSQL's text cannot hold U+0000.
    /// Names are anybody's, and are shown in terminals and rooms: what would move the cursor, begin another line or turn the text around is shown as a sign.
    private static func storable(_ text: String, hasLines: Bool = false) -> String {
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 10 where hasLines, 9: plain.append(scalar)
            case 0..<32: plain.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
            case 0x7F: plain.append("\u{2421}")
            case 0x80...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: plain.append("\u{FFFD}")
            default: plain.append(scalar)
            }
        }
        return String(plain).shortened(to: longestText)
    }

    /// Sortable by time, and not to be guessed from the one before it.
    package static func newID(at: Date, random: [UInt8]) -> String {
        Timestamp(at).compact + "-" + random.map { String(format: "%02x", $0) }.joined()
    }
}

/// Who has seen to a finding, when, and what they say of it.
package struct Acknowledgement: Codable, Sendable, Equatable {
    package let at: String
    package let by: String
    package let note: String

    package init(at: String, by: String, note: String) {
        self.at = at
        self.by = by
        self.note = note
    }
}

/// A finding as programs get it: `audit findings --json`, `guardian.findings`, the webhook and the command.
package struct FindingLine: Encodable, Sendable {
    package let finding: Finding
    package init(_ finding: Finding) { self.finding = finding }

    private enum CodingKeys: String, CodingKey {
        case id, rule, severity, at, lastAt, count, role, address, database, object, statement, evidence, advice, acknowledged,
            acknowledgement
    }

    /// Every field is there, null if it is not known; and once somebody has seen to it, who, when and with which note.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(finding.id, forKey: .id)
        try container.encode(finding.rule, forKey: .rule)
        try container.encode(finding.severity, forKey: .severity)
        try container.encode(finding.at, forKey: .at)
        try container.encode(finding.lastAt, forKey: .lastAt)
        try container.encode(finding.count, forKey: .count)
        try container.encode(finding.role, forKey: .role)
        try container.encode(finding.address, forKey: .address)
        try container.encode(finding.database, forKey: .database)
        try container.encode(finding.object, forKey: .object)
        try container.encode(finding.statement, forKey: .statement)
        try container.encode(finding.evidence, forKey: .evidence)
        try container.encode(finding.advice, forKey: .advice)
        try container.encode(finding.acknowledgement != nil, forKey: .acknowledged)
        try container.encodeIfPresent(finding.acknowledgement, forKey: .acknowledgement)
    }

    package func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}

extension Finding: CustomStringConvertible {
    /// For a person: a first line, and what is known below it.
    package var description: String {
        var lines = [
            "\(at)  \(severity.rawValue.uppercased())  \(rule)  \(id)" + (count > 1 ? "  ×\(count), last \(lastAt)" : "")
        ]
        let who = [
            role.map { "role \($0)" }, address.map { "from \($0)" }, database.map { "in \($0)" }, object.map { "on \($0)" },
        ]
        if who.contains(where: { $0 != nil }) { lines.append("  " + who.compactMap(\.self).joined(separator: " ")) }
        if let statement { lines.append("  statement: \(statement)") }
        lines += evidence.map { "  evidence: \($0)" }
        lines += advice.split(separator: "\n").map { "  → \($0)" }
        if let done = acknowledgement { lines.append("  acknowledged by \(done.by) at \(done.at): \(done.note)") }
        return lines.joined(separator: "\n")
    }

    /// One line, for the log and the room.
    package var title: String {
        let who = [
            role.map { "role \($0)" }, object.map { "on \($0)" }, database.map { "in \($0)" }, address.map { "from \($0)" },
        ]
        return (["\(rule) (\(severity.rawValue))"] + who.compactMap(\.self)).joined(separator: " ")
    }
}

extension Timestamp {
    package init(_ date: Date) { self.init(milliseconds: Int64((date.timeIntervalSince1970 * 1_000).rounded(.down))) }
}

extension String {
    /// By characters, and by four bytes for each.
    func shortened(to characters: Int) -> String {
        if utf8.count <= characters { return self }
        var short = prefix(characters)
        while short.utf8.count > characters * 4 { short.removeLast() }
        return short.endIndex == endIndex ? self : short + "…"
    }
}

import EverlineCryptography
import EverlineProtocol
import Foundation

/// What the journal tells of.
package enum JournalEvent: Sendable, Equatable {
    /// A finding as it stands now: new, or with a higher count.
    case finding(Finding)
    case acknowledged(id: String, Acknowledgement)
    /// The journal itself was found changed, and goes on from here.
    case tampered(String)
    /// What `audit harden` did.
    case hardened([String])
}

/// One line of the journal: a JSON object whose last member is the authentication code of all before it, which holds the code of the line before. So no line
/// can be edited, removed or moved without the key of the repository, and not without its being seen.
package struct JournalEntry: Sendable, Equatable {
    package let number: Int64
    package let at: String
    package let event: JournalEvent
    /// The code of the line before; empty for the first.
    package let previous: String
    package let code: String

    /// `,"code":"` + 64 digits + `"}`
    static let tail = 9 + 64 + 2

    /// The line's bytes with its end.
    package static func line(_ number: Int64, at: String, _ event: JournalEvent, previous: String, key: JournalKey) throws -> (
        bytes: [UInt8], code: String
    ) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = try encoder.encode(Body(event))
        var bytes = Array(
            #"{"number":\#(number),"at":"\#(at)","key":"\#(key.id)","previous":"\#(previous)","event":"#.utf8)
        bytes += Array(body)
        let code = key.code(of: bytes)
        bytes += Array(#","code":"\#(code)"}"#.utf8) + [UInt8(ascii: "\n")]
        return (bytes, code)
    }

    /// - Parameter line: without its end.
    /// - Returns: the entry, and whether its code is right; nil if it is no line of a journal.
    package static func read(_ line: [UInt8], keys: JournalKeys) -> (entry: JournalEntry, isGenuine: Bool)? {
        guard line.count > tail, let raw = try? JSONDecoder().decode(Raw.self, from: Data(line)), let event = raw.event.event
        else {
            return nil
        }
        let signed = Array(line[..<(line.count - tail)])
        let isGenuine =
            keys.key(raw.key)?.code(of: signed) == raw.code && line.suffix(tail).elementsEqual(#","code":"\#(raw.code)"}"#.utf8)
        return (JournalEntry(number: raw.number, at: raw.at, event: event, previous: raw.previous, code: raw.code), isGenuine)
    }

    private struct Raw: Decodable {
        let number: Int64
        let at: String
        let key: String
        let previous: String
        let event: Body
        let code: String
    }

    private struct Body: Codable {
        var finding: Finding?
        var acknowledged: Acknowledged?
        var tampered: String?
        var hardened: [String]?

        struct Acknowledged: Codable {
            let id: String
            let acknowledgement: Acknowledgement
        }

        init(_ event: JournalEvent) {
            switch event {
            case .finding(let finding): self.finding = finding
            case .acknowledged(let id, let acknowledgement): acknowledged = .init(id: id, acknowledgement: acknowledgement)
            case .tampered(let what): tampered = what
            case .hardened(let what): hardened = what
            }
        }

        var event: JournalEvent? {
            if let finding { return .finding(finding) }
            if let acknowledged { return .acknowledged(id: acknowledged.id, acknowledged.acknowledgement) }
            if let tampered { return .tampered(tampered) }
            return hardened.map { .hardened($0) }
        }
    }
}

/// What entries are authenticated with: derived from a key of the repository, or, where that is not encrypted, a fixed one, which shows damage but keeps
/// nobody from making the whole chain anew.
package struct JournalKey: Sendable {
    package let id: String
    private let bytes: [UInt8]

    package init(_ key: RepositoryKey?) {
        let label = Array("everline journal".utf8)
        id = key.map { Hex.encode($0.id) } ?? ""
        bytes = HMAC.sha256(key: key?.bytes ?? [], label)
    }

    /// In hex.
    package func code(of bytes: [UInt8]) -> String { Hex.encode(HMAC.sha256(key: self.bytes, bytes)) }
}

package struct JournalKeys: Sendable {
    package let current: JournalKey
    private let all: [String: JournalKey]

    package init(_ ring: KeyRing?) {
        current = JournalKey(ring?.current)
        var all = [current.id: current]
        for key in ring?.keys ?? [] { all[JournalKey(key).id] = JournalKey(key) }
        self.all = all
    }

    package func key(_ id: String) -> JournalKey? { all[id] }
}

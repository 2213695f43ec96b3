import Foundation

/// A sentence for a person that can also be said in another language: of which kind it is, and what it speaks of.
package struct Saying: Codable, Sendable, Equatable, CustomStringConvertible {
    /// One of `Saying.Kind`; of a record that a newer version has written perhaps another.
    package let kind: String
    package let values: [String: Value]
    /// In English.
    package let text: String

    package enum Value: Codable, Sendable, Equatable, ExpressibleByIntegerLiteral {
        case text(String)
        case number(Int64)
        case saying(Saying)

        package init(integerLiteral value: Int64) { self = .number(value) }
        package static func count(_ value: some BinaryInteger) -> Value { .number(Int64(value)) }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                self = .number(number)
            } else if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .saying(try container.decode(Saying.self))
            }
        }
        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            case .saying(let saying): try container.encode(saying)
            }
        }

        fileprivate var words: String {
            switch self {
            case .text(let text): text
            case .number(let number): "\(number)"
            case .saying(let saying): saying.text
            }
        }
    }

    /// - Parameter text: what is said in English where the kind's pattern is not it.
    package init(_ kind: Kind, _ values: [String: Value] = [:], text: String? = nil) {
        self.kind = kind.rawValue
        self.values = values
        self.text = text ?? Self.filled(kind.pattern, values)
    }

    private init(kind: String, values: [String: Value], text: String) {
        self.kind = kind
        self.values = values
        self.text = text
    }

    package var description: String { text }

    /// The same with other English words.
    func shown(_ text: String) -> Saying { Saying(kind: kind, values: values, text: text) }

    package func isOf(_ kind: Kind) -> Bool { self.kind == kind.rawValue }

    /// The same of one repository among several.
    func of(repository place: String) -> Saying {
        Saying(
            kind: kind, values: values.merging(["repository": .text(place)]) { $1 },
            text: text.contains(place) ? text : "\(place): \(text)")
    }

    /// In one pass: what a value says is never taken for the name of another.
    private static func filled(_ pattern: String, _ values: [String: Value]) -> String {
        var parts = pattern.split(separator: "{", omittingEmptySubsequences: false).makeIterator()
        var text = String(parts.next() ?? "")
        while let part = parts.next() {
            let end = part.firstIndex(of: "}") ?? part.endIndex
            text += values[String(part[..<end])]?.words ?? ""
            text += part[end...].dropFirst()
        }
        return text
    }
}

/// An error that knows which kind of sentence it is.
package protocol Said: Error {
    /// Its kind and what it speaks of; the English text is the error's own.
    var said: (kind: Saying.Kind, values: [String: Saying.Value]) { get }
}

extension Saying {
    /// What went wrong, on one line.
    package init(_ error: any Error) {
        let text = "\(error)".replacingOccurrences(of: "\nHINT:", with: ". HINT:")
        let (kind, values) = (error as? any Said)?.said ?? (.error, [:])
        self.init(kind, values, text: text)
    }
}

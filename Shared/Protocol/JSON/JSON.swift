/// A JSON value as it came over the wire (RFC 8259), narrowed to what can be carried without loss: text is valid Unicode, keys of an
/// object are distinct, and integers fit 64 bits. A number that does not is a `double`, which no method accepts where it wants a number
/// of ours.
package indirect enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    /// Members in the order in which they were written.
    case object([Member])

    package struct Member: Sendable, Equatable {
        package let key: String
        package let value: JSON

        package init(key: String, value: JSON) {
            self.key = key
            self.value = value
        }
    }

    /// The word for an error message.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// An object's member; `nil` also for every other kind.
    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }
}

/// Why bytes are not a JSON value of ours, and where (offset in bytes).
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package enum Reason: String, Sendable {
        case endOfInput = "the text ends too early"
        case unexpectedByte = "unexpected character"
        case invalidUTF8 = "invalid UTF-8"
        case invalidEscape = "invalid escape"
        case loneSurrogate = "a surrogate escape without its other half"
        case controlCharacter = "a control character in a string must be escaped"
        case invalidNumber = "invalid number"
        case duplicateKey = "the same key twice in one object"
        case tooDeep = "nested too deeply"
        case trailingBytes = "more text after the value"
    }

    package let reason: Reason
    package let offset: Int

    package var description: String { "\(reason.rawValue) at byte \(offset)" }
}

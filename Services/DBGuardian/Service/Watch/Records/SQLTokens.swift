/// PostgreSQL's lexical parts (manual 4.1), as far as telling texts from code needs them. What is not ended goes to the end.
struct SQLTokens {
    enum Token {
        /// White space or a comment.
        case blank
        /// A key word or a name, with its quotes: `x`, `"x"`, `U&"x"`.
        case word([UInt8])
        case number([UInt8])
        case sign(UInt8)
        /// A quoted text without its quotes, and what opened it: `'`, `E'`, `U&'` and so on.
        case string([UInt8], opening: [UInt8])
        /// A dollar-quoted text and its tag.
        case dollar([UInt8], tag: [UInt8])
    }

    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> Token? {
        guard index < bytes.count else { return nil }
        let byte = bytes[index]
        if byte <= 32 || isComment { return blank() }
        if byte == UInt8(ascii: "'") { return string(opening: index) }
        if byte == UInt8(ascii: "\"") { return .word(quoted(byte)) }
        if byte == UInt8(ascii: "$") {
            if let token = dollar() { return token }
            // A parameter: `$1`.
            if index + 1 < bytes.count, Self.isDigit(bytes[index + 1]) {
                index += 1
                return .number([byte] + run { Self.isDigit($0) })
            }
        }
        if Self.isDigit(byte) { return .number(run { Self.isDigit($0) || Self.isLetter($0) || $0 == UInt8(ascii: ".") }) }
        if Self.isLetter(byte) { return word() }
        index += 1
        return .sign(byte)
    }

    private var isComment: Bool {
        index + 1 < bytes.count
            && (bytes[index] == UInt8(ascii: "-") && bytes[index + 1] == UInt8(ascii: "-")
                || bytes[index] == UInt8(ascii: "/") && bytes[index + 1] == UInt8(ascii: "*"))
    }

    private mutating func blank() -> Token {
        while index < bytes.count, bytes[index] <= 32 || isComment {
            if bytes[index] <= 32 {
                index += 1
            } else if bytes[index] == UInt8(ascii: "-") {
                while index < bytes.count, bytes[index] != 10, bytes[index] != 13 { index += 1 }
            } else {
                comment()
            }
        }
        return .blank
    }

    /// They nest.
    private mutating func comment() {
        var depth = 0
        while index < bytes.count {
            let two = index + 1 < bytes.count ? (bytes[index], bytes[index + 1]) : (bytes[index], 0)
            if two == (UInt8(ascii: "/"), UInt8(ascii: "*")) {
                depth += 1
                index += 2
            } else if two == (UInt8(ascii: "*"), UInt8(ascii: "/")) {
                depth -= 1
                index += 2
                if depth == 0 { return }
            } else {
                index += 1
            }
        }
    }

    private mutating func word() -> Token {
        let start = index
        let name = run { Self.isLetter($0) || Self.isDigit($0) || $0 == UInt8(ascii: "$") }
        let lower = name.map { $0 | 0x20 }
        if index < bytes.count, bytes[index] == UInt8(ascii: "'"), lower.count == 1, "ebxn".utf8.contains(lower[0]) {
            return string(opening: start, escapes: lower[0] == UInt8(ascii: "e"))
        }
        if lower == [UInt8(ascii: "u")], index + 1 < bytes.count, bytes[index] == UInt8(ascii: "&") {
            if bytes[index + 1] == UInt8(ascii: "'") {
                index += 1
                return string(opening: start)
            }
            if bytes[index + 1] == UInt8(ascii: "\"") {
                index += 1
                return .word(Array(bytes[start..<index]) + quoted(UInt8(ascii: "\"")))
            }
        }
        return .word(name)
    }

    private mutating func string(opening: Int, escapes: Bool = false) -> Token {
        let before = Array(bytes[opening...index])
        let whole = quoted(UInt8(ascii: "'"), escapes: escapes)
        return .string(
            Array(whole.dropFirst().dropLast(whole.count > 1 && whole.last == UInt8(ascii: "'") ? 1 : 0)), opening: before)
    }

    /// From the quote at `index` to the one that ends it, both included.
    private mutating func quoted(_ quote: UInt8, escapes: Bool = false) -> [UInt8] {
        let start = index
        index += 1
        while index < bytes.count {
            if escapes, bytes[index] == UInt8(ascii: "\\") {
                index += 1
            } else if bytes[index] == quote {
                if index + 1 < bytes.count, bytes[index + 1] == quote {
                    index += 1
                } else {
                    index += 1
                    return Array(bytes[start..<index])
                }
            }
            index += 1
        }
        index = bytes.count
        return Array(bytes[start...])
    }

    private mutating func dollar() -> Token? {
        var end = index + 1
        while end < bytes.count, Self.isLetter(bytes[end]) || Self.isDigit(bytes[end]) && end > index + 1 { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else { return nil }
        let tag = Array(bytes[index...end])
        let start = end + 1
        var close = start
        while close + tag.count <= bytes.count {
            if bytes[close] == tag[0], bytes[close..<(close + tag.count)].elementsEqual(tag) {
                index = close + tag.count
                return .dollar(Array(bytes[start..<close]), tag: tag)
            }
            close += 1
        }
        index = bytes.count
        return .dollar(Array(bytes[start...]), tag: tag)
    }

    private mutating func run(while belongs: (UInt8) -> Bool) -> [UInt8] {
        let start = index
        while index < bytes.count, belongs(bytes[index]) { index += 1 }
        return Array(bytes[start..<index])
    }

    private static func isDigit(_ byte: UInt8) -> Bool { 48...57 ~= byte }
    private static func isLetter(_ byte: UInt8) -> Bool {
        65...90 ~= byte || 97...122 ~= byte || byte == UInt8(ascii: "_") || byte >= 128
    }
}

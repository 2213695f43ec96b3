/// SQL cut into words, as far as a rule must know it (PostgreSQL manual 4.1): comments are gone, literals are one token each, keywords and names
/// that are not quoted are in lower case. So no spelling of `pg_read_file` hides it, and no text in a literal looks like it.
package struct Statement: Sendable {
    package enum Token: Sendable, Hashable {
        /// A keyword or name, in lower case unless it was quoted.
        case word(String)
        /// A string, without its quotation marks.
        case literal(String)
        case number
        case symbol(Character)
    }
    package let tokens: [Token]

    /// More tokens than this are not looked at one by one; a text that long is judged by its words alone.
    private static let most = 200_000

    package init(_ sql: String) {
        var lexer = Lexer(sql)
        var tokens: [Token] = []
        while tokens.count < Self.most, let token = lexer.next() { tokens.append(token) }
        self.tokens = tokens
    }

    package var words: [String] {
        tokens.compactMap { if case .word(let text) = $0 { text } else { nil } }
    }

    package func has(_ word: String) -> Bool { tokens.contains(.word(word)) }

    /// Whether these words stand one behind the other somewhere.
    package func has(_ sequence: [String]) -> Bool { index(of: sequence) != nil }

    /// Where the token behind these words is.
    package func index(of sequence: [String], from start: Int = 0) -> Int? {
        guard !sequence.isEmpty, tokens.count >= sequence.count, start <= tokens.count - sequence.count else { return nil }
        for first in start...(tokens.count - sequence.count)
        where sequence.indices.allSatisfy({ tokens[first + $0] == .word(sequence[$0]) }) { return first + sequence.count }
        return nil
    }

    /// The parts between semicolons that stand in no parentheses; bodies in quotes do not count.
    package var parts: [ArraySlice<Token>] {
        var parts: [ArraySlice<Token>] = []
        var start = 0
        for (index, token) in tokens.enumerated() where token == .symbol(";") {
            if index > start { parts.append(tokens[start..<index]) }
            start = index + 1
        }
        if start < tokens.count { parts.append(tokens[start...]) }
        return parts
    }

    /// As it may be shown: literals and numbers are blanks, except for the paths and programs of COPY, which are no data. Bounded.
    package var shown: String {
        var text = ""
        for (index, token) in tokens.enumerated() {
            if text.utf8.count > 2_000 { return text + " …" }
            switch token {
            case .word(let word):
                if !text.isEmpty, !text.hasSuffix("("), !text.hasSuffix(".") { text += " " }
                text += word
            case .literal(let value):
                if !text.hasSuffix("(") { text += " " }
                text += isPlace(index) ? "'\(value.prefix(300))'" : "'…'"
            case .number:
                if !text.hasSuffix("(") { text += " " }
                text += "?"
            case .symbol(let symbol):
                if symbol != ".", symbol != ",", symbol != "(", symbol != ")", symbol != ";" { text += " " }
                text.append(symbol)
            }
        }
        return text
    }

    private func isPlace(_ index: Int) -> Bool {
        guard index > 0, has("copy"), case .word(let before) = tokens[index - 1] else { return false }
        return before == "program" || ((before == "from" || before == "to") && tokens.first == .word("copy"))
    }
}

private struct Lexer {
    private let bytes: [UInt8]
    private var position = 0

    init(_ sql: String) { bytes = Array(sql.utf8) }

    private func at(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }

    mutating func next() -> Statement.Token? {
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D: position += 1
            case UInt8(ascii: "-") where at(position + 1) == byte:
                while position < bytes.count, bytes[position] != 0x0A, bytes[position] != 0x0D { position += 1 }
            case UInt8(ascii: "/") where at(position + 1) == UInt8(ascii: "*"): skipComment()
            case UInt8(ascii: "'"): return quoted(escapes: false)
            case UInt8(ascii: "\""): return .word(name())
            case UInt8(ascii: "$"):
                if let text = dollarQuoted() { return .literal(text) }
                position += 1
                skipDigits()
                return .number
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                skipDigits()
                return .number
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...0xFF:
                return word()
            default:
                position += 1
                return .symbol(Character(Unicode.Scalar(byte)))
            }
        }
        return nil
    }

    /// Comments nest (SQL standard; manual 4.1.5).
    private mutating func skipComment() {
        var depth = 0
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "/"), at(position + 1) == UInt8(ascii: "*") {
                depth += 1
                position += 2
            } else if bytes[position] == UInt8(ascii: "*"), at(position + 1) == UInt8(ascii: "/") {
                depth -= 1
                position += 2
                if depth == 0 { return }
            } else {
                position += 1
            }
        }
    }

    private mutating func word() -> Statement.Token {
        let start = position
        while position < bytes.count, Self.isName(bytes[position]) { position += 1 }
        // E'…', B'…', X'…', N'…' and U&'…', U&"…".
        if position - start == 1 {
            let letter = bytes[start] | 0x20
            if at(position) == UInt8(ascii: "'"), "ebxn".utf8.contains(letter) {
                return quoted(escapes: letter == UInt8(ascii: "e"))
            }
            if letter == UInt8(ascii: "u"), at(position) == UInt8(ascii: "&") {
                if at(position + 1) == UInt8(ascii: "'") {
                    position += 1
                    return quoted(escapes: false)
                }
                if at(position + 1) == UInt8(ascii: "\"") {
                    position += 1
                    return .word(Self.unicode(name()))
                }
            }
        }
        let text = bytes[start..<position].map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }
        return .word(String(decoding: text, as: UTF8.self))
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xFF:
            true
        default: false
        }
    }

    private mutating func skipDigits() {
        while position < bytes.count, Self.isName(bytes[position]) || bytes[position] == UInt8(ascii: ".") { position += 1 }
    }

    private mutating func quoted(escapes: Bool) -> Statement.Token {
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "'") {
                guard at(position) == byte else { break }
                position += 1
            } else if escapes, byte == UInt8(ascii: "\\"), position < bytes.count {
                text.append(bytes[position])
                position += 1
                continue
            }
            text.append(byte)
        }
        return .literal(String(decoding: text, as: UTF8.self))
    }

    private mutating func name() -> String {
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard at(position) == byte else { break }
                position += 1
            }
            text.append(byte)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `\0061` and `\+000061`, with the usual escape character.
    private static func unicode(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var rest = Substring(text)
        while let slash = rest.firstIndex(of: "\\") {
            result.append(contentsOf: rest[..<slash].unicodeScalars)
            rest = rest[rest.index(after: slash)...]
            let count = rest.first == "+" ? 6 : 4
            if rest.first == "+" { rest = rest.dropFirst() }
            let digits = rest.prefix(count)
            if digits.count == count, let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) {
                result.append(scalar)
                rest = rest.dropFirst(count)
            } else {
                result.append("\\")
            }
        }
        result.append(contentsOf: rest.unicodeScalars)
        return String(result)
    }

    /// `$tag$ … $tag$`; nil if it is none.
    private mutating func dollarQuoted() -> String? {
        var end = position + 1
        while end < bytes.count, bytes[end] != UInt8(ascii: "$"), Self.isName(bytes[end]) { end += 1 }
        guard at(end) == UInt8(ascii: "$"), !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= at(position + 1)) else { return nil }
        let tag = bytes[position...end]
        var index = end + 1
        while index + tag.count <= bytes.count {
            if bytes[index] == UInt8(ascii: "$"), bytes[index..<index + tag.count].elementsEqual(tag) {
                defer { position = index + tag.count }
                return String(decoding: bytes[end + 1..<index], as: UTF8.self)
            }
            index += 1
        }
        defer { position = bytes.count }
        return String(decoding: bytes[(end + 1)...], as: UTF8.self)
    }
}

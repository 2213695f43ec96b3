/// Makes of PostgreSQL's lexical parts what they mean: names as the catalogue has them, texts without their escapes, texts that stand one behind the other
/// as the one that they are (manual 4.1.2).
struct TokenReader {
    private(set) var tokens: [Statement.Token] = []
    private var parts: SQLTokens
    /// The last token that was written with `U&`, and how many tokens there were with it: UESCAPE behind it changes how it reads.
    private var unicode: (bytes: [UInt8], isName: Bool, count: Int)?

    init(_ sql: String) { parts = SQLTokens(Array(sql.utf8)) }

    /// - Returns: false at the end.
    mutating func step() -> Bool {
        guard let part = parts.next() else { return false }
        switch part {
        case .blank: return true
        case .word(let bytes): word(bytes)
        case .number: tokens.append(.number)
        case .sign(let byte): tokens.append(.symbol(Character(Unicode.Scalar(byte))))
        case .dollar(let bytes, _): tokens.append(.literal(Self.text(bytes)))
        case .string(let bytes, let opening): string(bytes, opening)
        }
        return true
    }

    private mutating func word(_ bytes: [UInt8]) {
        if bytes.first == UInt8(ascii: "\"") { return tokens.append(.word(Self.text(Self.unquoted(bytes[...])))) }
        guard bytes.count > 2, bytes[1] == UInt8(ascii: "&") else {
            return tokens.append(.word(Self.text(bytes.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 })))
        }
        let name = Self.unquoted(bytes[2...])
        tokens.append(.word(Self.text(Self.unicode(name, escape: UInt8(ascii: "\\")))))
        unicode = (name, true, tokens.count)
    }

    private mutating func string(_ bytes: [UInt8], _ opening: [UInt8]) {
        let plain = Self.halved(bytes, UInt8(ascii: "'"))
        if tokens.last == .word("uescape"), let before = unicode, before.count == tokens.count - 1, let escape = plain.first {
            tokens.removeLast(2)
            let text = Self.text(Self.unicode(before.bytes, escape: escape))
            return tokens.append(before.isName ? .word(text) : .literal(text))
        }
        let first = (opening.first ?? 0) | 0x20
        let isUnicode = first == UInt8(ascii: "u")
        let text =
            isUnicode ? Self.unicode(plain, escape: UInt8(ascii: "\\")) : first == UInt8(ascii: "e") ? Self.escaped(bytes) : plain
        if case .literal(let before) = tokens.last {
            tokens[tokens.count - 1] = .literal(before + Self.text(text))
        } else {
            tokens.append(.literal(Self.text(text)))
        }
        if isUnicode { unicode = (plain, false, tokens.count) }
    }

    // MARK: Spellings

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// A name without its quotation marks; the last may be missing.
    private static func unquoted(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var inner = bytes.dropFirst()
        if inner.last == UInt8(ascii: "\"") { inner.removeLast() }
        return halved(Array(inner), UInt8(ascii: "\""))
    }

    private static func halved(_ bytes: [UInt8], _ quote: UInt8) -> [UInt8] {
        guard bytes.contains(quote) else { return bytes }
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            text.append(bytes[index])
            index += bytes[index] == quote && index + 1 < bytes.count && bytes[index + 1] == quote ? 2 : 1
        }
        return text
    }

    /// `\0061` and `\+000061`, with whatever stands for the backslash.
    private static func unicode(_ bytes: [UInt8], escape: UInt8) -> [UInt8] {
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == escape else {
                text.append(byte)
                continue
            }
            let isLong = index < bytes.count && bytes[index] == UInt8(ascii: "+")
            let start = isLong ? index + 1 : index
            guard let value = number(bytes, start, isLong ? 6 : 4, radix: 16), let encoded = utf8(value) else {
                text.append(byte)
                continue
            }
            text += encoded
            index = start + (isLong ? 6 : 4)
        }
        return text
    }

    /// `\n`, `\x61`, `\141`, `\u0061`, `\U00000061`, and `''`.
    private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "'"), index < bytes.count, bytes[index] == byte { index += 1 }
            guard byte == UInt8(ascii: "\\"), index < bytes.count else {
                text.append(byte)
                continue
            }
            let letter = bytes[index]
            let digits: (start: Int, most: Int, least: Int, radix: Int)? =
                switch letter {
                case UInt8(ascii: "x"): (index + 1, 2, 1, 16)
                case UInt8(ascii: "u"): (index + 1, 4, 4, 16)
                case UInt8(ascii: "U"): (index + 1, 8, 8, 16)
                case UInt8(ascii: "0")...UInt8(ascii: "7"): (index, 3, 1, 8)
                default: nil
                }
            if let digits {
                var count = digits.most
                while count >= digits.least, number(bytes, digits.start, count, radix: digits.radix) == nil { count -= 1 }
                if count >= digits.least, let value = number(bytes, digits.start, count, radix: digits.radix) {
                    text += digits.least == 1 ? [UInt8(truncatingIfNeeded: value)] : utf8(value) ?? []
                    index = digits.start + count
                    continue
                }
            }
            index += 1
            let controls: [UInt8: UInt8] = [
                UInt8(ascii: "n"): 10, UInt8(ascii: "t"): 9, UInt8(ascii: "r"): 13, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12,
            ]
            text.append(controls[letter] ?? letter)
        }
        return text
    }

    private static func number(_ bytes: [UInt8], _ start: Int, _ count: Int, radix: Int) -> UInt32? {
        guard count > 0, start + count <= bytes.count else { return nil }
        let digits = bytes[start..<start + count]
        guard digits.allSatisfy({ HexDigit.value($0) != nil }) else { return nil }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: radix)
    }

    private static func utf8(_ value: UInt32) -> [UInt8]? {
        Unicode.Scalar(value).flatMap { UTF8.encode($0) }.map(Array.init)
    }
}

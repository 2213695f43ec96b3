import EverlineProtocol

/// Whom a message's text may name: `@` and a username. Chinese and Japanese are written without blanks, so where the name ends is not seen in the text
/// but by which names there are: the longest beginning that is somebody's counts.
package enum Mentions {
    /// As many places in one text are looked at.
    package static let bound = 50

    /// What stands behind each `@`, as keys of usernames, the longest first.
    package static func candidates(in text: String) -> [[String]] {
        var found: [[String]] = []
        var rest = text[...]
        // Most texts hold none, which costs one look at their bytes.
        while found.count < bound, let sign = sign(in: rest.utf8) {
            rest = text[sign.upperBound...]
            // Not in an address: bob@example.com
            if sign.lowerBound > text.startIndex, isLatin(text.utf8[text.utf8.index(before: sign.lowerBound)]) { continue }
            let keys = endings(of: rest.prefix(Limits.usernameCharacters.upperBound + 1))
            if !keys.isEmpty { found.append(keys) }
        }
        return found
    }

    /// The next `@`, also the wide one (U+FF20) that Chinese and Japanese keyboards give.
    private static func sign(in text: Substring.UTF8View) -> Range<String.Index>? {
        var rest = text
        while let at = rest.firstIndex(where: { $0 == UInt8(ascii: "@") || $0 == wide[0] }) {
            if rest[at] != wide[0] { return at..<rest.index(after: at) }
            let found = rest[at...].prefix(wide.count)
            if found.elementsEqual(wide) { return at..<found.endIndex }
            rest = rest[rest.index(after: at)...]
        }
        return nil
    }
    private static let wide: [UInt8] = [0xEF, 0xBC, 0xA0]

    private static func endings(of text: Substring) -> [String] {
        let name = text.prefix(Limits.usernameCharacters.upperBound).prefix(while: isOfName)
        var keys: [String] = []
        var end = name.endIndex
        while name.distance(from: name.startIndex, to: end) >= Limits.usernameCharacters.lowerBound {
            let next = end < text.endIndex ? text[end] : nil
            let last = name[name.index(before: end)]
            // In a script with blanks a name does not end within a word.
            if next.map({ !(isWord(last) && isWord($0)) }) ?? true { keys.append(UsernameKey.of(String(name[..<end]))) }
            end = name.index(before: end)
        }
        return keys
    }

    private static func isOfName(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "." || character == "_" || character == "-"
    }

    private static func isLatin(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// A letter or a digit of a script that is written with blanks.
    private static func isWord(_ character: Character) -> Bool {
        guard character.isLetter || character.isNumber, let scalar = character.unicodeScalars.first else {
            return character == "_"
        }
        switch scalar.value {
        // Han, kana, bopomofo and Hangul, Thai, Lao, Khmer and Burmese.
        case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x2E80...0xA4CF, 0xAC00...0xD7AF, 0xF900...0xFAFF,
            0x20000...0x3FFFF:
            return false
        default: return true
        }
    }
}

/// The members that a text names, by number.
struct NamedMembers: Sendable, Equatable {
    let usernames: [Int64: String]

    /// As the append takes it: an object of usernames by number.
    var object: String {
        var writer = JSONWriter()
        writer.write(
            JSON.object(usernames.sorted { $0.key < $1.key }.map { .init(key: String($0.key), value: .string($0.value)) }))
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// As a message has it: an array of usernames.
    var array: [UInt8] {
        var writer = JSONWriter()
        writer.write(JSON.array(usernames.values.sorted().map(JSON.string)))
        return writer.bytes
    }
}

/// Takes passwords out of any text, also where it is no SQL: evidence, connection strings, error lines.
package enum PasswordMask {
    package static let mask = "…"

    // Compared in lower case. What follows is the secret: behind `=`, `:`, blanks or an opening quote.
    private static let words = ["password", "passwd", "pwd", "secret", "passphrase", "sslpassword", "rolpassword"].map {
        Array($0.utf8)
    }
    private static let verifiers = ["scram-sha-256$", "$scrypt$"].map { Array($0.utf8) }

    package static func masked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let lower = bytes.map { 65...90 ~= $0 ? $0 | 0x20 : $0 }
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if let length = verifier(lower, index) {
                out += Array(mask.utf8)
                index += length
            } else if let (name, value) = secret(lower, index) {
                out += bytes[index..<name] + Array(mask.utf8)
                index = value
            } else if let (name, value) = address(lower, index) {
                out += bytes[index..<name] + Array(mask.utf8)
                index = value
            } else {
                out.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// A stored verifier: SCRAM's, scrypt's, or `md5` and 32 digits.
    private static func verifier(_ text: [UInt8], _ start: Int) -> Int? {
        if verifiers.contains(where: { text[start...].starts(with: $0) }) {
            return text[start...].prefix { !isEnd($0) }.count
        }
        guard text[start...].starts(with: Array("md5".utf8)), start == 0 || !isWord(text[start - 1]) else { return nil }
        let digits = text[(start + 3)...].prefix { 48...57 ~= $0 || 97...102 ~= $0 }.count
        return digits == 32 ? 35 : nil
    }

    /// `password = 'x'`, `password=x`, `PASSWORD 'x'`, `"password": "x"`: where the value begins and where it ends.
    private static func secret(_ text: [UInt8], _ start: Int) -> (value: Int, end: Int)? {
        // `/etc/passwd'` is a path and its end.
        guard start == 0 || !isWord(text[start - 1]) && text[start - 1] != UInt8(ascii: "/") else { return nil }
        guard let word = words.first(where: { text[start...].starts(with: $0) }) else { return nil }
        var index = start + word.count
        guard index < text.count, !isWord(text[index]) else { return nil }
        var signs = 0
        var blanks = 0
        while index < text.count,
            [UInt8(ascii: " "), 9, 10, 13, UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "\"")].contains(text[index])
        {
            if text[index] == UInt8(ascii: "=") || text[index] == UInt8(ascii: ":") { signs += 1 } else { blanks += 1 }
            if text[index] == UInt8(ascii: "\""), signs > 0 { return quoted(text, index) }
            index += 1
        }
        guard index < text.count else { return nil }
        // E'…' and U&'…' too.
        var quote = index
        while quote < text.count, quote - index < 3,
            [UInt8(ascii: "e"), UInt8(ascii: "u"), UInt8(ascii: "n"), UInt8(ascii: "&")].contains(text[quote])
        { quote += 1 }
        if quote < text.count, text[quote] == UInt8(ascii: "'") { return quoted(text, quote) }
        guard signs > 0 else { return nil }
        return (index, index + text[index...].prefix { !isEnd($0) }.count)
    }

    /// `scheme://user:secret@host`
    private static func address(_ text: [UInt8], _ start: Int) -> (value: Int, end: Int)? {
        guard text[start...].starts(with: Array("://".utf8)) else { return nil }
        let part = text[(start + 3)...].prefix { !isEnd($0) && $0 != UInt8(ascii: "/") }
        guard let at = part.lastIndex(of: UInt8(ascii: "@")), let colon = part[..<at].firstIndex(of: UInt8(ascii: ":")) else {
            return nil
        }
        return (colon + 1, at)
    }

    /// Up to the quote that ends it; a doubled one does not.
    private static func quoted(_ text: [UInt8], _ start: Int) -> (value: Int, end: Int) {
        let quote = text[start]
        var index = start + 1
        while index < text.count {
            if text[index] == UInt8(ascii: "\\") {
                index += 1
            } else if text[index] == quote {
                if index + 1 < text.count, text[index + 1] == quote { index += 1 } else { break }
            }
            index += 1
        }
        return (min(start + 1, text.count), min(index, text.count))
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        97...122 ~= byte || 48...57 ~= byte || byte == UInt8(ascii: "_") || byte >= 128
    }
    private static func isEnd(_ byte: UInt8) -> Bool {
        byte <= 32
            || [
                UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: "&"),
            ].contains(byte)
    }
}

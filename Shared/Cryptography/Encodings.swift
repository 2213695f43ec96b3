/// Base 16, RFC 4648 section 8; written in lower case, read in either.
package enum Hex {
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        let digits: StaticString = "0123456789abcdef"
        let table = digits.utf8Start
        return String(unsafeUninitializedCapacity: bytes.count * 2) { output in
            var at = 0
            for byte in bytes {
                output[at] = table[Int(byte >> 4)]
                output[at + 1] = table[Int(byte & 15)]
                at += 2
            }
            return at
        }
    }

    /// - Returns: nil for an odd number of digits or anything that is no digit.
    package static func decode(_ text: String) -> [UInt8]? {
        let digits = text.utf8
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for digit in digits {
            guard let value = value(digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Base 64 without padding, RFC 4648: section 4's alphabet for password hashes (as the PHC string format has it), section 5's for what stands
/// in a URL, a header or a line (sessions, cursors). Only the canonical text of some bytes is read, so that no two texts name one session.
package struct Base64: Sendable {
    /// `A–Z a–z 0–9 + /`
    package static let standard = Base64("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    /// `A–Z a–z 0–9 - _`
    package static let url = Base64("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    private let alphabet: [UInt8]
    private let values: [UInt8]

    private init(_ alphabet: String) {
        self.alphabet = Array(alphabet.utf8)
        var values = [UInt8](repeating: 255, count: 256)
        for (value, letter) in self.alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        self.values = values
    }

    package func encode(_ bytes: some Collection<UInt8>) -> String {
        String(unsafeUninitializedCapacity: (bytes.count * 4 + 2) / 3) { output in
            var at = 0
            var bits: UInt32 = 0
            var held = 0
            for byte in bytes {
                bits = bits << 8 | UInt32(byte)
                held += 8
                while held >= 6 {
                    held -= 6
                    output[at] = alphabet[Int(bits >> UInt32(held) & 63)]
                    at += 1
                }
            }
            if held > 0 {
                output[at] = alphabet[Int(bits << UInt32(6 - held) & 63)]
                at += 1
            }
            return at
        }
    }

    /// - Returns: nil for other letters, padding, an impossible length, or bits left over that are not zero.
    package func decode(_ text: String) -> [UInt8]? {
        let letters = text.utf8
        guard letters.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(letters.count * 3 / 4)
        var bits: UInt32 = 0
        var held: UInt32 = 0
        for letter in letters {
            let value = values[Int(letter)]
            guard value != 255 else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> held))
            }
        }
        guard bits & (1 << held - 1) == 0 else { return nil }
        return bytes
    }
}

/// A UUID as two words: cheap to compare and hash on the message's way.
package struct WireUUID: Sendable, Hashable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random one (version 4).
    package init() {
        high = UInt64.random(in: 0...UInt64.max) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        low = UInt64.random(in: 0...UInt64.max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    }

    /// The form of RFC 9562 section 4, letters of either case.
    package init?(_ text: String) {
        guard text.utf8.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
            digits += 1
        }
        self.init(high: words.0, low: words.1)
    }

    package var description: String {
        String(unsafeUninitializedCapacity: Self.length) { text in
            if let base = text.baseAddress { write(to: base) }
            return Self.length
        }
    }

    /// How many bytes it has on the wire.
    package static let length = 36

    /// Writes it as on the wire, in lower case.
    ///
    /// - Parameter text: room for `length` bytes.
    package func write(to text: UnsafeMutablePointer<UInt8>) {
        let hex: StaticString = "0123456789abcdef"
        var position = 0
        for index in 0..<16 {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                text[position] = UInt8(ascii: "-")
                position += 1
            }
            let byte = UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - 8 * (index & 7)))
            text[position] = hex.utf8Start[Int(byte >> 4)]
            text[position + 1] = hex.utf8Start[Int(byte & 15)]
            position += 2
        }
    }
}

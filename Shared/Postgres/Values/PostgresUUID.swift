/// A UUID as 16 bytes, without Foundation.
package struct PostgresUUID: Sendable, Hashable, LosslessStringConvertible {
    /// The first and the last eight bytes, in network order.
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random one (RFC 9562, version 4).
    package static func random() -> PostgresUUID {
        PostgresUUID(
            high: UInt64.random(in: 0 ... .max) & 0xffff_ffff_ffff_0fff | 0x4000,
            low: UInt64.random(in: 0 ... .max) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000)
    }

    /// 8-4-4-4-12 hexadecimal digits in either case; nothing else.
    package init?(_ text: String) {
        var digits = (UInt64(0), UInt64(0))
        var position = 0
        for byte in text.utf8 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                let digit: UInt8
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
                case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
                case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
                default: return nil
                }
                if position < 18 { digits.0 = digits.0 << 4 | UInt64(digit) } else { digits.1 = digits.1 << 4 | UInt64(digit) }
            }
            position += 1
            if position > 36 { return nil }
        }
        guard position == 36 else { return nil }
        self.init(high: digits.0, low: digits.1)
    }

    /// In lower case.
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var position = 0
            for half in [high, low] {
                for shift in stride(from: 60, through: 0, by: -4) {
                    if position == 8 || position == 13 || position == 18 || position == 23 {
                        text[position] = UInt8(ascii: "-")
                        position += 1
                    }
                    let digit = UInt8(truncatingIfNeeded: half >> UInt64(shift)) & 15
                    text[position] = digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
                    position += 1
                }
            }
            return 36
        }
    }
}

extension PostgresUUID: PostgresElement {
    package static var postgresType: PostgresType { .uuid }
    package static var postgresArrayType: PostgresType { .uuidArray }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        buffer.write(high)
        buffer.write(low)
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> PostgresUUID {
        let bytes = try field.value(for: PostgresUUID.self)
        guard field.type == .uuid, bytes.count == 16 else { throw field.mismatch(PostgresUUID.self) }
        return PostgresUUID(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    package static func encodeArray(_ values: [PostgresUUID], into buffer: PostgresBuffer) { writeArray(values, into: buffer) }
}

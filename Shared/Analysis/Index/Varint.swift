/// Integers in as few bytes as they need, seven bits a byte (LEB128).
enum Varint {
    @inline(__always)
    static func write(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Signed ones: small magnitudes are small numbers.
    @inline(__always)
    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }
    @inline(__always)
    static func unzigzag(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
}

/// Reads them again. What is cut off or damaged ends the reading with `isDamaged`; it never reads outside.
struct VarintReader {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    private(set) var isDamaged = false

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { isDamaged || index >= bytes.count }

    @inline(__always)
    mutating func next() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while index < bytes.count, shift < 64 {
            let byte = bytes[index]
            index += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        isDamaged = true
        return 0
    }

    /// The next four, which mostly take a byte each and are then read as one.
    @inline(__always)
    mutating func nextFour() -> (Int, Int, Int, Int) {
        if bytes.count - index >= 4 {
            let four = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
            if four & 0x8080_8080 == 0 {
                index += 4
                return (Int(four & 0x7F), Int(four >> 8 & 0x7F), Int(four >> 16 & 0x7F), Int(four >> 24))
            }
        }
        return (nextInt(), nextInt(), nextInt(), nextInt())
    }

    @inline(__always)
    mutating func nextInt() -> Int { Int(truncatingIfNeeded: next() & 0x7FFF_FFFF_FFFF_FFFF) }
}

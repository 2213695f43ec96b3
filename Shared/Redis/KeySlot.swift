/// In which of a Cluster's slots a key or a channel lies (redis.io, "Redis cluster specification", key distribution model and hash tags).
package enum KeySlot {
    package static let count = 16_384

    package static func of(_ key: [UInt8]) -> Int { Int(checksum(tag(key))) % count }

    /// What stands between the first `{` and the next `}`, unless that is nothing; otherwise all of it.
    private static func tag(_ key: [UInt8]) -> ArraySlice<UInt8> {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")), let close = key[open...].firstIndex(of: UInt8(ascii: "}")),
            close > open + 1
        else { return key[...] }
        return key[open + 1..<close]
    }

    /// CRC-16/XMODEM: polynomial 0x1021, from 0, nothing reflected.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        bytes.reduce(0) { crc, byte in crc << 8 ^ table[Int(UInt8(crc >> 8) ^ byte)] }
    }

    private static let table: [UInt16] = (0..<256).map { byte in
        (0..<8).reduce(UInt16(byte) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
    }
}

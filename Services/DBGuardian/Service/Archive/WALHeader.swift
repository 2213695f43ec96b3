/// The long page header with which each segment begins (src/include/access/xlog_internal.h, XLogLongPageHeaderData), as written
/// by a little-endian
/// machine.
package struct WALHeader: Sendable {
    package let systemIdentifier: UInt64
    package let timeline: UInt32
    package let pageAddress: LSN
    package let segmentSize: UInt64
    package let pageSize: Int
    /// Of PostgreSQL 15; other releases have other numbers, and the guardian does not read their records.
    package let magic: UInt16
    /// Bytes of a record that began in the segment before.
    package let remaining: UInt32

    package static let size = 40

    /// - Returns: nil if these are not the first bytes of a segment.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size else { return nil }
        func load<T: FixedWidthInteger>(_ offset: Int, _: T.Type = T.self) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
        }
        magic = load(0)
        let info: UInt16 = load(2)
        timeline = load(4)
        pageAddress = LSN(load(8))
        remaining = load(16)
        systemIdentifier = load(24)
        let segment: UInt32 = load(32)
        let page: UInt32 = load(36)
        segmentSize = UInt64(segment)
        pageSize = Int(page)
        // XLP_LONG_HEADER, and sizes as initdb allows them.
        guard info & 2 != 0, segment >= 1 << 20, segment <= 1 << 30, segment & (segment - 1) == 0,
            [1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536].contains(pageSize),
            pageAddress.value % UInt64(segment) == 0, magic & 0xFF00 == 0xD100
        else { return nil }
    }
}

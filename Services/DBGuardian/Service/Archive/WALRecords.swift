import EverlinePostgres
import EverlineProtocol

/// What the guardian wants to know of a segment: where its records end, when its transactions committed, which restore points
/// it has.
package struct SegmentContents: Codable, Sendable, Equatable {
    /// The times of the first and the last commit (or abort), in microseconds since 1970; nil if there is none.
    package var firstCommit: Int64?
    package var lastCommit: Int64?
    /// Where the last whole record begins.
    package var lastRecord: LSN?
    package var points: [RestorePoint] = []

    package struct RestorePoint: Codable, Sendable, Equatable {
        package let name: String
        package let at: Int64
        package let lsn: LSN
    }
}

/// Walks the records of a segment (src/include/access/{xlogrecord,xlog_internal,xact}.h of PostgreSQL 15): enough to find
/// commits and restore points, no
/// more. It stops at the first thing that is no record, as at the zeroes behind the last one.
package struct WALRecords {
    private let segment: UnsafeRawBufferPointer
    private let header: WALHeader
    private var position: Int

    private static let recordHeader = 24
    private static let transactions: UInt8 = 1
    private static let system: UInt8 = 0
    private static let restorePoint: UInt8 = 0x70
    /// PostgreSQL's epoch, 2000-01-01, in microseconds.
    private static let epoch: Int64 = 946_684_800_000_000
    /// The longest record of which anything interests us.
    private static let interesting = 512

    package static func contents(_ segment: UnsafeRawBufferPointer) -> SegmentContents? {
        guard let header = WALHeader(segment) else { return nil }
        var walk = WALRecords(segment: segment, header: header, position: 0)
        return walk.contents()
    }

    private init(segment: UnsafeRawBufferPointer, header: WALHeader, position: Int) {
        self.segment = segment
        self.header = header
        self.position = position
    }

    private mutating func contents() -> SegmentContents {
        var found = SegmentContents()
        guard header.magic == 0xD110, skipFirst() else { return found }
        var previous: UInt64?
        while let start = enterRecord() {
            let lsn = header.pageAddress.value + UInt64(start)
            guard let record = takeHeader() else { break }
            guard record.length >= Self.recordHeader, record.previous < lsn, previous == nil || record.previous == previous else {
                break
            }
            let body = record.length - Self.recordHeader
            if record.resource == Self.transactions || record.resource == Self.system {
                guard let data = take(min(body, Self.interesting)), skip(body - data.count) else { break }
                note(data, resource: record.resource, info: record.info, lsn, &found)
            } else if !skip(body) {
                break
            }
            previous = lsn
            found.lastRecord = LSN(lsn)
        }
        return found
    }

    private func note(_ data: [UInt8], resource: UInt8, info: UInt8, _ lsn: UInt64, _ found: inout SegmentContents) {
        guard let main = mainData(data), main.count >= 8 else { return }
        let time = Int64(bitPattern: word(main, 0, UInt64.self)) &+ Self.epoch
        if resource == Self.transactions {
            // XLOG_XACT_COMMIT 0x00, ABORT 0x20, COMMIT_PREPARED 0x30, ABORT_PREPARED 0x40 all begin with their time.
            guard [0x00, 0x20, 0x30, 0x40].contains(info & 0x70) else { return }
            found.firstCommit = min(found.firstCommit ?? time, time)
            found.lastCommit = max(found.lastCommit ?? time, time)
        } else if resource == Self.system, info & 0xF0 == Self.restorePoint {
            let name = String(decoding: main.dropFirst(8).prefix { $0 != 0 }, as: UTF8.self)
            found.points.append(.init(name: name, at: time, lsn: LSN(lsn)))
        }
    }

    /// The main data of a record that has no blocks, as those that interest us: perhaps an origin (253) or a top-level
    /// transaction (252), then 255 and a
    /// length of one byte, or 254 and one of four.
    private func mainData(_ data: [UInt8]) -> ArraySlice<UInt8>? {
        var at = 0
        while at < data.count {
            switch data[at] {
            case 253: at += 3
            case 252: at += 5
            case 255: return at + 2 <= data.count ? data[(at + 2)...] : nil
            case 254: return at + 5 <= data.count ? data[(at + 5)...] : nil
            default: return nil
            }
        }
        return nil
    }

    private func word<T: FixedWidthInteger>(_ bytes: some RandomAccessCollection<UInt8>, _ offset: Int, _: T.Type) -> T {
        var value: T = 0
        for index in (0..<MemoryLayout<T>.size).reversed() {
            value = value << 8 | T(truncatingIfNeeded: bytes[bytes.index(bytes.startIndex, offsetBy: offset + index)])
        }
        return value
    }

    // MARK: Bytes, with the page headers left out

    /// Over the end of a record that began in the segment before.
    private mutating func skipFirst() -> Bool {
        position = WALHeader.size
        return skip(Int(header.remaining))
    }

    /// The next record begins at a multiple of eight.
    private mutating func enterRecord() -> Int? {
        position = (position + 7) & ~7
        guard crossPage(), position + 4 <= segment.count, segment.loadUnaligned(fromByteOffset: position, as: UInt32.self) != 0
        else { return nil }
        return position
    }

    /// Steps over a page's header if we stand at the beginning of a page.
    private mutating func crossPage() -> Bool {
        guard position < segment.count else { return false }
        guard position % header.pageSize == 0, position > 0 else { return true }
        let address = UInt64(littleEndian: segment.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self))
        guard address == header.pageAddress.value + UInt64(position) else { return false }
        position += 24
        return true
    }

    private struct RecordHeader {
        let length: Int
        let previous: UInt64
        let info: UInt8
        let resource: UInt8
    }

    /// A hundred thousand records a segment are walked at each push, so one that lies within a page is read where it lies.
    private mutating func takeHeader() -> RecordHeader? {
        if position % header.pageSize + Self.recordHeader <= header.pageSize, position + Self.recordHeader <= segment.count {
            defer { position += Self.recordHeader }
            return RecordHeader(
                length: Int(UInt32(littleEndian: segment.loadUnaligned(fromByteOffset: position, as: UInt32.self))),
                previous: UInt64(littleEndian: segment.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self)),
                info: segment[position + 16], resource: segment[position + 17])
        }
        guard let bytes = take(Self.recordHeader) else { return nil }
        return RecordHeader(
            length: Int(word(bytes, 0, UInt32.self)), previous: word(bytes, 8, UInt64.self), info: bytes[16], resource: bytes[17])
    }

    private mutating func take(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            guard crossPage() else { return nil }
            let part = min(count - bytes.count, header.pageSize - position % header.pageSize)
            guard position + part <= segment.count else { return nil }
            bytes += segment[position..<position + part]
            position += part
        }
        return bytes
    }

    private mutating func skip(_ count: Int) -> Bool {
        var left = count
        while left > 0 {
            guard crossPage() else { return false }
            let part = min(left, header.pageSize - position % header.pageSize)
            position += part
            left -= part
        }
        return position <= segment.count
    }
}

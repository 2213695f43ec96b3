import Foundation

/// A position in the WAL, as PostgreSQL writes it: `1/6D8A40`.
package struct LSN: Sendable, Hashable, Comparable, CustomStringConvertible, Codable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let high = UInt32(parts[0], radix: 16), let low = UInt32(parts[1], radix: 16) else { return nil }
        value = UInt64(high) << 32 | UInt64(low)
    }

    package static func < (left: LSN, right: LSN) -> Bool { left.value < right.value }
    package var description: String { String(format: "%X/%X", UInt32(value >> 32), UInt32(truncatingIfNeeded: value)) }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let lsn = LSN(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no LSN: \(text)"))
        }
        self = lsn
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The name of a WAL segment: timeline, and number counted in segments of one size (PostgreSQL's XLogFileName).
package struct SegmentName: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let timeline: UInt32
    package let number: UInt64
    package let size: UInt64

    package init(timeline: UInt32, number: UInt64, size: UInt64) {
        self.timeline = timeline
        self.number = number
        self.size = size
    }

    package init(timeline: UInt32, holding lsn: LSN, size: UInt64) {
        self.init(timeline: timeline, number: lsn.value / size, size: size)
    }

    /// - Returns: nil for anything but 24 upper-case hexadecimal digits that such a segment can have.
    package init?(_ text: some StringProtocol, size: UInt64) {
        guard text.utf8.count == 24, let numbers = Self.numbers(text) else { return nil }
        let perFile = UInt64(1 << 32) / size
        guard numbers.low < perFile, numbers.timeline > 0 else { return nil }
        self.init(timeline: numbers.timeline, number: numbers.high * perFile + numbers.low, size: size)
    }

    private static func numbers(_ text: some StringProtocol) -> (timeline: UInt32, high: UInt64, low: UInt64)? {
        guard text.utf8.allSatisfy({ 48...57 ~= $0 || 65...70 ~= $0 }) else { return nil }
        let digits = Array(text)
        guard let timeline = UInt32(String(digits[0..<8]), radix: 16),
            let high = UInt64(String(digits[8..<16]), radix: 16),
            let low = UInt64(String(digits[16..<24]), radix: 16)
        else { return nil }
        return (timeline, high, low)
    }

    package var start: LSN { LSN(number * size) }
    package var next: SegmentName { SegmentName(timeline: timeline, number: number + 1, size: size) }
    package var description: String {
        let perFile = (1 << 32) / size
        return String(format: "%08X%08X%08X", timeline, UInt32(number / perFile), UInt32(number % perFile))
    }
    package static func < (left: SegmentName, right: SegmentName) -> Bool {
        (left.timeline, left.number) < (right.timeline, right.number)
    }
}

/// What PostgreSQL hands to the archive, by its name.
package enum ArchiveFile: Sendable, Equatable {
    /// 24 hexadecimal digits.
    case segment
    /// A segment that its timeline left in the middle.
    case partial
    /// What a timeline branched off from, and where.
    case history(UInt32)
    /// What a base backup began and ended with.
    case backup

    package init?(_ name: String) {
        func hex(_ text: Substring) -> Bool { text.utf8.allSatisfy { 48...57 ~= $0 || 65...70 ~= $0 } }
        guard name.utf8.count <= 64 else { return nil }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let first = parts.first, hex(first) else { return nil }
        switch (first.utf8.count, parts.count) {
        case (24, 1): self = .segment
        case (24, 2) where parts[1] == "partial": self = .partial
        case (24, 3) where parts[1].utf8.count == 8 && hex(parts[1]) && parts[2] == "backup": self = .backup
        case (8, 2) where parts[1] == "history":
            guard let timeline = UInt32(first, radix: 16) else { return nil }
            self = .history(timeline)
        default: return nil
        }
    }

    /// The folder of a name in the archive: its timeline's eight digits.
    package static func folder(_ name: String) -> String { String(name.prefix(8)) }
}

/// A timestamptz: microseconds since 1970-01-01 00:00 UTC. `infinity` and `-infinity` are the two ends of the range.
package struct PostgresTimestamp: Sendable, Hashable, Comparable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    package static let infinity = PostgresTimestamp(microseconds: .max)
    package static let minusInfinity = PostgresTimestamp(microseconds: .min)

    /// Towards the past, also before 1970.
    package var milliseconds: Int64 { microseconds >= 0 ? microseconds / 1000 : (microseconds - 999) / 1000 }

    package static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
}

extension PostgresTimestamp: PostgresElement {
    package static var postgresType: PostgresType { .timestamptz }
    package static var postgresArrayType: PostgresType { .timestamptzArray }

    /// PostgreSQL counts from 2000-01-01.
    private static let epoch: Int64 = 946_684_800_000_000

    package func encode(into buffer: PostgresBuffer) -> Bool {
        let isInfinite = self == .infinity || self == .minusInfinity
        // Values so far back that the shift would wrap end as -infinity.
        let (shifted, over) = microseconds.subtractingReportingOverflow(Self.epoch)
        buffer.write(isInfinite ? microseconds : over ? .min : shifted)
        return true
    }

    /// A timestamp without time zone is taken as UTC.
    package static func decode(_ field: PostgresField) throws(PostgresError) -> PostgresTimestamp {
        let bytes = try field.value(for: PostgresTimestamp.self)
        guard field.type == .timestamptz || field.type == .timestamp, bytes.count == 8 else {
            throw field.mismatch(PostgresTimestamp.self)
        }
        return PostgresTimestamp(binary: bytes)
    }

    /// - Parameter bytes: the eight of a timestamptz.
    package init(binary bytes: UnsafeRawBufferPointer) {
        let value = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        self.init(microseconds: value == .max || value == .min ? value : value &+ Self.epoch)
    }
}

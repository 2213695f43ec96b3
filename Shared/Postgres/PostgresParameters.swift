/// The parameters of one call, already in PostgreSQL's binary format, in one buffer.
///
///     let parameters: PostgresParameters = [epoch, roomIDs, bodies, replyTos]
package struct PostgresParameters: Sendable, ExpressibleByArrayLiteral {
    struct Slot: Sendable {
        let offset: Int
        /// Negative for NULL.
        let length: Int32
    }
    private(set) var types: [UInt32] = []
    private(set) var slots: [Slot] = []
    private(set) var buffer = PostgresBuffer()

    package init() {}

    package init(arrayLiteral values: any PostgresValue...) {
        types.reserveCapacity(values.count)
        slots.reserveCapacity(values.count)
        for value in values { append(value) }
    }

    package var count: Int { slots.count }

    package mutating func append(_ value: some PostgresValue) {
        if !isKnownUniquelyReferenced(&buffer) { buffer = PostgresBuffer(copying: buffer) }
        let start = buffer.count
        let present = value.encode(into: buffer)
        types.append(type(of: value).postgresType.oid)
        slots.append(Slot(offset: start, length: present ? Int32(clamping: buffer.count - start) : -1))
    }

    /// The arrays that libpq takes; valid within `body`. All formats are 1, binary.
    func withPointers<R>(
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int32>, UnsafePointer<Int32>) -> R
    ) -> R {
        let bytes = UnsafePointer(buffer.base.assumingMemoryBound(to: CChar.self))
        let values = slots.map { $0.length < 0 ? nil : bytes + $0.offset }
        let lengths = slots.map { max(0, $0.length) }
        let formats = [Int32](repeating: 1, count: slots.count)
        return withExtendedLifetime(buffer) { body(Int32(slots.count), values, lengths, formats) }
    }
}

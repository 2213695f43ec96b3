/// Bytes in network order, written once from front to back: the parameters of one call. Grows by doubling; nothing else is allocated for
/// an element of an array.
///
/// `@unchecked Sendable`: only `PostgresParameters` writes, and only while it is the sole owner.
package final class PostgresBuffer: @unchecked Sendable {
    private(set) var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 256) {
        base = .allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    convenience init(copying other: PostgresBuffer) {
        self.init(capacity: max(256, other.count * 2))
        base.copyMemory(from: other.base, byteCount: other.count)
        count = other.count
    }

    deinit { base.deallocate() }

    /// Makes room for `size` more bytes.
    @inline(__always)
    func reserve(_ size: Int) {
        if count + size > capacity { grow(to: count + size) }
    }

    @inline(never)
    private func grow(to size: Int) {
        let larger = max(size, capacity * 2)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    @inline(__always)
    func write(_ value: some FixedWidthInteger) {
        let size = value.bitWidth / 8
        reserve(size)
        base.storeBytes(of: value.bigEndian, toByteOffset: count, as: type(of: value))
        count += size
    }

    @inline(__always)
    func write(_ bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let source = bytes.baseAddress { (base + count).copyMemory(from: source, byteCount: bytes.count) }
        count += bytes.count
    }

    @inline(__always)
    func overwrite(_ value: Int32, at offset: Int) {
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Int32.self)
    }
}

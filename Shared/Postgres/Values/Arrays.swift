// PostgreSQL's binary array (src/backend/utils/adt/arrayfuncs.c, array_send): dimensions, has-NULL flag, element type, then for each
// dimension its length and lower bound, then for each element its length (-1 for NULL) and bytes. Only one dimension is spoken here.

extension PostgresElement {
    package static func encodeArray(_ values: [Self], into buffer: PostgresBuffer) {
        writeArray(values, into: buffer)
    }

    package static func decodeArray(_ field: PostgresField) throws(PostgresError) -> [Self] {
        try readArray(field)
    }

    @inline(__always)
    static func writeArray(_ values: [Self], into buffer: PostgresBuffer) {
        buffer.reserve(20 + values.count * 12)
        buffer.write(Int32(values.isEmpty ? 0 : 1))
        let flag = buffer.count
        buffer.write(Int32(0))
        buffer.write(postgresType.oid)
        guard !values.isEmpty else { return }
        buffer.write(Int32(values.count))
        buffer.write(Int32(1))
        for value in values {
            let length = buffer.count
            buffer.write(Int32(-1))
            if value.encode(into: buffer) {
                buffer.overwrite(Int32(buffer.count - length - 4), at: length)
            } else {
                buffer.overwrite(1, at: flag)
            }
        }
    }

    @inline(__always)
    static func readArray(_ field: PostgresField) throws(PostgresError) -> [Self] {
        let bytes = try field.value(for: [Self].self)
        var offset = 0
        func int32() throws(PostgresError) -> Int32 {
            guard offset + 4 <= bytes.count else { throw field.mismatch([Self].self) }
            defer { offset += 4 }
            return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        }
        let dimensions = try int32()
        _ = try int32()
        let type = PostgresType(UInt32(bitPattern: try int32()))
        if dimensions == 0 { return [] }
        guard dimensions == 1 else { throw field.mismatch([Self].self) }
        let count = Int(try int32())
        _ = try int32()
        // Each element has at least its length, so a false count cannot make a large reservation.
        guard count >= 0, count <= (bytes.count - offset) / 4 else { throw field.mismatch([Self].self) }
        var values: [Self] = []
        values.reserveCapacity(count)
        for _ in 0..<count {
            let length = Int(try int32())
            guard length >= -1, offset + max(0, length) <= bytes.count else { throw field.mismatch([Self].self) }
            let element = length < 0 ? nil : UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
            values.append(try decode(PostgresField(type: type, bytes: element)))
            offset += max(0, length)
        }
        return values
    }
}

extension Optional: PostgresArrayMember where Wrapped: PostgresElement {
    package static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }
}
extension Optional: PostgresElement where Wrapped: PostgresElement {}

extension UInt8: PostgresArrayMember {
    package static var postgresArrayType: PostgresType { .bytea }

    package static func encodeArray(_ values: [UInt8], into buffer: PostgresBuffer) {
        values.withUnsafeBytes { buffer.write($0) }
    }

    package static func decodeArray(_ field: PostgresField) throws(PostgresError) -> [UInt8] {
        let bytes = try field.value(for: [UInt8].self)
        guard field.type == .bytea else { throw field.mismatch([UInt8].self) }
        return Array(bytes)
    }
}

extension Array: PostgresArrayMember where Element == UInt8 {
    package static var postgresArrayType: PostgresType { .byteaArray }
}
extension Array: PostgresElement where Element == UInt8 {}

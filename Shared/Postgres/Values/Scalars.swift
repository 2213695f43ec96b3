// For the types that fill large arrays the array forms are spelled out, so that the loops are compiled for them.

extension Bool: PostgresElement {
    package static var postgresType: PostgresType { .bool }
    package static var postgresArrayType: PostgresType { .boolArray }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        buffer.write(UInt8(self ? 1 : 0))
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> Bool {
        let bytes = try field.value(for: Bool.self)
        guard field.type == .bool, bytes.count == 1 else { throw field.mismatch(Bool.self) }
        return bytes[0] != 0
    }
}

/// Reads int2, int4, int8 and oid into any integer type that holds the value.
@inline(__always)
private func integer<T: FixedWidthInteger>(_ field: PostgresField, as: T.Type) throws(PostgresError) -> T {
    let bytes = try field.value(for: T.self)
    let value: Int64
    switch (field.type, bytes.count) {
    case (.int8, 8): value = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    case (.int4, 4): value = Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    case (.int2, 2): value = Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
    case (.oid, 4): value = Int64(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
    default: throw field.mismatch(T.self)
    }
    guard let exact = T(exactly: value) else { throw PostgresError(.usage, "\(value) does not fit in \(T.self)") }
    return exact
}

extension Int16: PostgresElement {
    package static var postgresType: PostgresType { .int2 }
    package static var postgresArrayType: PostgresType { .int2Array }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        buffer.write(self)
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> Int16 { try integer(field, as: Int16.self) }
}

extension Int32: PostgresElement {
    package static var postgresType: PostgresType { .int4 }
    package static var postgresArrayType: PostgresType { .int4Array }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        buffer.write(self)
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> Int32 { try integer(field, as: Int32.self) }
    package static func encodeArray(_ values: [Int32], into buffer: PostgresBuffer) { writeArray(values, into: buffer) }
}

extension Int64: PostgresElement {
    package static var postgresType: PostgresType { .int8 }
    package static var postgresArrayType: PostgresType { .int8Array }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        buffer.write(self)
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> Int64 { try integer(field, as: Int64.self) }
    package static func encodeArray(_ values: [Int64], into buffer: PostgresBuffer) { writeArray(values, into: buffer) }
    package static func decodeArray(_ field: PostgresField) throws(PostgresError) -> [Int64] { try readArray(field) }
}

extension Int: PostgresElement {
    package static var postgresType: PostgresType { .int8 }
    package static var postgresArrayType: PostgresType { .int8Array }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        buffer.write(self)
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> Int { try integer(field, as: Int.self) }
    package static func encodeArray(_ values: [Int], into buffer: PostgresBuffer) { writeArray(values, into: buffer) }
}

extension Double: PostgresElement {
    package static var postgresType: PostgresType { .float8 }
    package static var postgresArrayType: PostgresType { .float8Array }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        buffer.write(bitPattern)
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> Double {
        let bytes = try field.value(for: Double.self)
        switch (field.type, bytes.count) {
        case (.float8, 8): return Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
        case (.float4, 4): return Double(Float(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))))
        default: throw field.mismatch(Double.self)
        }
    }
}

extension String: PostgresElement {
    package static var postgresType: PostgresType { .text }
    package static var postgresArrayType: PostgresType { .textArray }

    @inline(__always)
    package func encode(into buffer: PostgresBuffer) -> Bool {
        var text = self
        text.withUTF8 { buffer.write(UnsafeRawBufferPointer($0)) }
        return true
    }

    /// Any type whose binary form is its text; of jsonb the leading version byte is dropped.
    package static func decode(_ field: PostgresField) throws(PostgresError) -> String {
        let bytes = try field.value(for: String.self)
        switch field.type {
        case .text, .varchar, .name, .bpchar, .json, .unknown, .char: return String(decoding: bytes, as: UTF8.self)
        case .jsonb: return String(decoding: bytes.dropFirst(), as: UTF8.self)
        default: throw field.mismatch(String.self)
        }
    }

    package static func encodeArray(_ values: [String], into buffer: PostgresBuffer) { writeArray(values, into: buffer) }
    package static func decodeArray(_ field: PostgresField) throws(PostgresError) -> [String] { try readArray(field) }
}

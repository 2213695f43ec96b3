/// The number by which PostgreSQL knows a type (pg_type.oid).
package struct PostgresType: Sendable, Hashable {
    package let oid: UInt32
    package init(_ oid: UInt32) { self.oid = oid }

    package static let bool = PostgresType(16)
    package static let bytea = PostgresType(17)
    package static let char = PostgresType(18)
    package static let name = PostgresType(19)
    package static let int8 = PostgresType(20)
    package static let int2 = PostgresType(21)
    package static let int4 = PostgresType(23)
    package static let text = PostgresType(25)
    package static let oid = PostgresType(26)
    package static let json = PostgresType(114)
    package static let float4 = PostgresType(700)
    package static let float8 = PostgresType(701)
    package static let unknown = PostgresType(705)
    package static let bpchar = PostgresType(1042)
    package static let varchar = PostgresType(1043)
    package static let timestamp = PostgresType(1114)
    package static let timestamptz = PostgresType(1184)
    package static let uuid = PostgresType(2950)
    package static let void = PostgresType(2278)
    package static let jsonb = PostgresType(3802)

    package static let boolArray = PostgresType(1000)
    package static let byteaArray = PostgresType(1001)
    package static let int2Array = PostgresType(1005)
    package static let int4Array = PostgresType(1007)
    package static let textArray = PostgresType(1009)
    package static let int8Array = PostgresType(1016)
    package static let float8Array = PostgresType(1022)
    package static let timestamptzArray = PostgresType(1185)
    package static let uuidArray = PostgresType(2951)
}

/// One field as it came: its type and its bytes in PostgreSQL's binary format, nil for NULL. The bytes are borrowed from the result.
package struct PostgresField {
    package let type: PostgresType
    package let bytes: UnsafeRawBufferPointer?

    /// The bytes, which must not be NULL.
    func value<T>(for swift: T.Type) throws(PostgresError) -> UnsafeRawBufferPointer {
        guard let bytes else { throw PostgresError(.usage, "NULL where \(swift) was asked for") }
        return bytes
    }

    func mismatch<T>(_ swift: T.Type) -> PostgresError {
        PostgresError(.usage, "a field of type oid \(type.oid) and \(bytes?.count ?? -1) bytes is no \(swift)")
    }
}

/// A Swift type that goes to and comes from PostgreSQL in its binary format.
package protocol PostgresValue: Sendable {
    /// What parameters of this type are declared as.
    static var postgresType: PostgresType { get }
    /// Appends the value without a length; false (and nothing appended) for NULL.
    func encode(into buffer: PostgresBuffer) -> Bool
    static func decode(_ field: PostgresField) throws(PostgresError) -> Self
}

/// What `[Self]` becomes: an array, except for bytes, which become a bytea.
package protocol PostgresArrayMember: Sendable {
    static var postgresArrayType: PostgresType { get }
    static func encodeArray(_ values: [Self], into buffer: PostgresBuffer)
    static func decodeArray(_ field: PostgresField) throws(PostgresError) -> [Self]
}

/// A type that can stand alone and in arrays.
package protocol PostgresElement: PostgresValue, PostgresArrayMember {}

extension Optional: PostgresValue where Wrapped: PostgresValue {
    package static var postgresType: PostgresType { Wrapped.postgresType }

    @inline(__always)
    package func encode(into buffer: PostgresBuffer) -> Bool {
        switch self {
        case .some(let value): value.encode(into: buffer)
        case .none: false
        }
    }

    @inline(__always)
    package static func decode(_ field: PostgresField) throws(PostgresError) -> Self {
        field.bytes == nil ? .none : .some(try Wrapped.decode(field))
    }
}

extension Array: PostgresValue where Element: PostgresArrayMember {
    package static var postgresType: PostgresType { Element.postgresArrayType }

    package func encode(into buffer: PostgresBuffer) -> Bool {
        Element.encodeArray(self, into: buffer)
        return true
    }

    package static func decode(_ field: PostgresField) throws(PostgresError) -> Self { try Element.decodeArray(field) }
}

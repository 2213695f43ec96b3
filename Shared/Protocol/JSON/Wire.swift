/// What can be written as JSON.
package protocol WireEncodable: Sendable {
    func write(to writer: inout JSONWriter)
}

/// A JSON object of the wire: parameters, a result, or a part of one.
package protocol WireObject: WireEncodable {
    /// Reads the fields; a missing or wrongly typed one is `invalid_params` naming it.
    init(from fields: inout Fields) throws(RPCError)
    func encode(to object: inout ObjectWriter)
}

extension WireObject {
    package func write(to writer: inout JSONWriter) { writer.object { encode(to: &$0) } }

    /// The value as JSON bytes.
    package func jsonBytes(reserving capacity: Int = 256) -> [UInt8] {
        var writer = JSONWriter(reserving: capacity)
        write(to: &writer)
        return writer.bytes
    }

    /// - Parameter strict: whether an unknown field is refused (a server's way) or ignored (a client's).
    package init(_ json: JSON, strict: Bool) throws(RPCError) {
        var fields = try Fields(json, strict: strict)
        try self.init(from: &fields)
        try fields.finish()
    }
}

/// An object without fields: `{}`.
package struct Nothing: WireObject, Equatable {
    package init() {}
    package init(from fields: inout Fields) throws(RPCError) {}
    package func encode(to object: inout ObjectWriter) {}
}

/// What can be written as JSON.
package protocol WireEncodable: Sendable {
    func write(to writer: inout JSONWriter)
}

/// A JSON object of the wire: parameters, a result, or a part of one.
package protocol WireObject: WireEncodable {
    /// Reads the fields; a missing or wrongly typed one is `invalid_params` naming it.
    init(from fields: inout Fields) throws(RPCError)
    func encode(to object: inout ObjectWriter)
    /// About how many bytes it comes to, so that the buffer need not grow.
    var expectedBytes: Int { get }
}

extension WireObject {
    package var expectedBytes: Int { 256 }

    package func write(to writer: inout JSONWriter) { writer.object { encode(to: &$0) } }

    /// The value as JSON bytes.
    package func jsonBytes(reserving capacity: Int? = nil) -> [UInt8] {
        var writer = JSONWriter(reserving: capacity ?? expectedBytes)
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

/// The elements of an array that are JSON already, with commas between: from the store to the reader without being decoded.
package struct RawList: Sendable, Equatable {
    package private(set) var joined: [UInt8]

    package init(joined: [UInt8] = []) { self.joined = joined }
    package init(_ elements: some Sequence<[UInt8]>) {
        joined = []
        for element in elements { append(element) }
    }
    package init<Element: WireEncodable>(encoding elements: some Sequence<Element>, expectedBytes: Int) {
        var writer = JSONWriter(reserving: expectedBytes)
        var first = true
        for element in elements {
            if !first { writer.raw(",") }
            first = false
            element.write(to: &writer)
        }
        joined = writer.bytes
    }

    package mutating func append(_ element: [UInt8]) {
        if !joined.isEmpty { joined.append(UInt8(ascii: ",")) }
        joined.append(contentsOf: element)
    }
}

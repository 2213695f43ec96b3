/// Writes JSON as bytes, once, into one buffer.
package struct JSONWriter: Sendable {
    package fileprivate(set) var bytes: [UInt8] = []

    package init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }
    fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

    package mutating func null() { raw("null") }
    package mutating func write(_ value: Bool) { raw(value ? "true" : "false") }
    package mutating func write(_ value: Int64) {
        if value >= 0, value < 10 { return bytes.append(UInt8(ascii: "0") + UInt8(value)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value.magnitude
            var start = 20
            while rest > 0 {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            if value < 0 { bytes.append(UInt8(ascii: "-")) }
            bytes.append(contentsOf: digits[start...])
        }
    }
    package mutating func write(_ value: Double) { raw(value.isFinite ? "\(value)" : "null") }

    /// A string with what RFC 8259 section 7 says must be escaped, and nothing else.
    package mutating func write(_ value: String) {
        var value = value
        value.withUTF8 { write(utf8: $0) }
    }

    /// The same for text that is there as bytes, which must be valid UTF-8.
    package mutating func write(utf8: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var start = 0
        while true {
            let index = JSONEscapes.first(in: utf8, from: start)
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<index]))
            if index == utf8.count { break }
            escape(utf8[index])
            start = index + 1
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// At most `most` bytes that are JSON already, put where `body` is told; it answers how many.
    package mutating func raw(atMost most: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: most) { scratch in
            guard let base = scratch.baseAddress else { return }
            bytes.append(contentsOf: UnsafeBufferPointer(start: base, count: body(base)))
        }
    }

    package mutating func write(_ value: JSON) {
        switch value {
        case .null: null()
        case .bool(let value): write(value)
        case .int(let value): write(value)
        case .double(let value): write(value)
        case .string(let value): write(value)
        case .array(let elements):
            array(elements) { writer, element in writer.write(element) }
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                write(member.key)
                bytes.append(UInt8(ascii: ":"))
                write(member.value)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    package mutating func array<Elements: Sequence>(_ elements: Elements, _ write: (inout JSONWriter, Elements.Element) -> Void) {
        bytes.append(UInt8(ascii: "["))
        var first = true
        for element in elements {
            if !first { bytes.append(UInt8(ascii: ",")) }
            first = false
            write(&self, element)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package mutating func object(_ write: (inout ObjectWriter) -> Void) {
        bytes.append(UInt8(ascii: "{"))
        // There and back by exchange: two that hold the buffer would copy all of it at the next byte, and so at the end of each object of a long list.
        var object = ObjectWriter(writer: JSONWriter(bytes: []))
        swap(&bytes, &object.writer.bytes)
        write(&object)
        swap(&bytes, &object.writer.bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    /// Bytes that are JSON already. The forms for one kind of bytes each are what callers in other modules get compiled for them.
    package mutating func raw(_ json: some Sequence<UInt8>) { bytes.append(contentsOf: json) }
    package mutating func raw(_ json: [UInt8]) { bytes.append(contentsOf: json) }
    package mutating func raw(_ json: UnsafeBufferPointer<UInt8>) { bytes.append(contentsOf: json) }
    package mutating func raw(_ json: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount))
    }
    // Disfavoured, or a literal would be a `String`.
    @_disfavoredOverload package mutating func raw(_ json: String) { bytes.append(contentsOf: json.utf8) }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"" as StaticString)
        case UInt8(ascii: "\\"): raw("\\\\" as StaticString)
        case 0x0A: raw("\\n" as StaticString)
        case 0x0D: raw("\\r" as StaticString)
        case 0x09: raw("\\t" as StaticString)
        default:
            let hex: StaticString = "0123456789abcdef"
            raw("\\u00" as StaticString)
            bytes.append(hex.utf8Start[Int(byte >> 4)])
            bytes.append(hex.utf8Start[Int(byte & 15)])
        }
    }
}

/// Writes the members of one object. Optional values that are `nil` are left out.
package struct ObjectWriter {
    fileprivate var writer: JSONWriter
    private var first = true

    fileprivate init(writer: JSONWriter) { self.writer = writer }

    private mutating func key(_ name: StaticString) {
        if !first { writer.raw(",") }
        first = false
        writer.raw("\"")
        writer.raw(name)
        writer.raw("\":")
    }

    package mutating func field(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        key(name)
        writer.write(value)
    }
    package mutating func field(_ name: StaticString, _ value: Int64?) {
        guard let value else { return }
        key(name)
        writer.write(value)
    }
    package mutating func field(_ name: StaticString, _ value: Bool?) {
        guard let value else { return }
        key(name)
        writer.write(value)
    }
    package mutating func field(_ name: StaticString, _ value: JSON) {
        key(name)
        writer.write(value)
    }
    package mutating func field<Value: WireEncodable>(_ name: StaticString, _ value: Value?) {
        guard let value else { return }
        key(name)
        value.write(to: &writer)
    }
    package mutating func field<Value: WireEncodable>(_ name: StaticString, _ values: [Value]) {
        key(name)
        writer.array(values) { writer, value in value.write(to: &writer) }
    }
    package mutating func field(_ name: StaticString, _ values: [String]) {
        key(name)
        writer.array(values) { writer, value in writer.write(value) }
    }
    /// A value that is JSON already, such as messages from Redis.
    package mutating func field(_ name: StaticString, raw json: [UInt8]) {
        key(name)
        writer.raw(json)
    }
    package mutating func field(_ name: StaticString, _ list: RawList) {
        key(name)
        writer.raw("[")
        writer.raw(list.joined)
        writer.raw("]")
    }
}

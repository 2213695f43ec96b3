/// Reads one JSON value (RFC 8259) strictly, in one pass and with bounded depth. Foundation's decoder takes duplicate keys and costs several
/// times as much for a line.
package struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The value that all of `bytes` is.
    package static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes)
        let value = try parser.value(depth: 0)
        parser.skipBlanks()
        guard parser.position == bytes.count else { throw parser.error(.trailingBytes) }
        return value
    }

    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSON {
        // The closure cannot throw a typed error through the standard library's rethrowing signature, hence the Result.
        try bytes.withUnsafeBufferPointer { buffer in
            Result<JSON, JSONError> { () throws(JSONError) -> JSON in try parse(buffer) }
        }.get()
    }

    /// The top-level members of an object with the range of each value's bytes, values unread but checked for form. For relaying a
    /// value without decoding it.
    package static func members(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> [(key: String, range: Range<Int>)] {
        var parser = JSONParser(bytes)
        var found: [(key: String, range: Range<Int>)] = []
        parser.skipBlanks()
        try parser.expect(UInt8(ascii: "{"))
        parser.skipBlanks()
        if parser.peek == UInt8(ascii: "}") { return found }
        while true {
            parser.skipBlanks()
            let key = try parser.string()
            parser.skipBlanks()
            try parser.expect(UInt8(ascii: ":"))
            parser.skipBlanks()
            let start = parser.position
            try parser.skipValue()
            found.append((key, start..<parser.position))
            parser.skipBlanks()
            if parser.peek == UInt8(ascii: ",") {
                parser.position += 1
                continue
            }
            try parser.expect(UInt8(ascii: "}"))
            return found
        }
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        skipBlanks()
        guard let byte = peek else { throw error(.endOfInput) }
        switch byte {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error(.unexpectedByte)
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        guard depth <= Limits.nesting else { throw error(.tooDeep) }
        position += 1
        var members: [JSON.Member] = []
        skipBlanks()
        if peek == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        // A set only where comparing each with each would cost more: a line holds thousands of keys at most.
        var seen: Set<String> = []
        while true {
            skipBlanks()
            let start = position
            let key = try string()
            if members.count < 16 {
                if members.contains(where: { $0.key == key }) { throw JSONError(reason: .duplicateKey, offset: start) }
            } else {
                if seen.isEmpty { seen = Set(members.map(\.key)) }
                if !seen.insert(key).inserted { throw JSONError(reason: .duplicateKey, offset: start) }
            }
            skipBlanks()
            try expect(UInt8(ascii: ":"))
            members.append(.init(key: key, value: try value(depth: depth)))
            skipBlanks()
            if peek == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "}"))
            return .object(members)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        guard depth <= Limits.nesting else { throw error(.tooDeep) }
        position += 1
        var elements: [JSON] = []
        skipBlanks()
        if peek == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth))
            skipBlanks()
            if peek == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "]"))
            return .array(elements)
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        guard bytes.count - position >= word.utf8CodeUnitCount else { throw error(.endOfInput) }
        for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] {
            throw error(.unexpectedByte)
        }
        position += word.utf8CodeUnitCount
        return value
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        var integral = true
        if peek == UInt8(ascii: "-") { position += 1 }
        let firstDigit = position
        guard skipDigits() > 0 else { throw error(.invalidNumber) }
        if bytes[firstDigit] == UInt8(ascii: "0"), position - firstDigit > 1 { throw error(.invalidNumber) }
        if peek == UInt8(ascii: ".") {
            integral = false
            position += 1
            guard skipDigits() > 0 else { throw error(.invalidNumber) }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            integral = false
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw error(.invalidNumber) }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if integral, let value = Int64(text) { return .int(value) }
        return .double(Double(text) ?? .infinity)
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        guard let quote = peek else { throw error(.endOfInput) }
        guard quote == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
        position += 1
        let start = position
        while let byte = peek {
            if byte == UInt8(ascii: "\"") {
                let text = try validated(bytes[start..<position], at: start)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            if byte < 0x20 { throw error(.controlCharacter) }
            position += 1
        }
        throw error(.endOfInput)
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<position])
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try text.withUnsafeBufferPointer { buffer in
                    Result<String, JSONError> { () throws(JSONError) -> String in try validated(buffer[...], at: start) }
                }.get()
            case UInt8(ascii: "\\"):
                position += 1
                try appendEscape(to: &text)
            case 0..<0x20:
                throw error(.controlCharacter)
            default:
                text.append(byte)
                position += 1
            }
        }
        throw error(.endOfInput)
    }

    private mutating func appendEscape(to text: inout [UInt8]) throws(JSONError) {
        guard let byte = peek else { throw error(.endOfInput) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let first = try hexUnit()
            var scalar = UInt32(first)
            if 0xD800...0xDFFF ~= first {
                let at = position - 6
                guard first < 0xDC00, peek == UInt8(ascii: "\\") else { throw JSONError(reason: .loneSurrogate, offset: at) }
                position += 1
                guard peek == UInt8(ascii: "u") else { throw JSONError(reason: .loneSurrogate, offset: at) }
                position += 1
                let second = try hexUnit()
                guard 0xDC00...0xDFFF ~= second else { throw JSONError(reason: .loneSurrogate, offset: at) }
                scalar = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(scalar) else { throw error(.loneSurrogate) }
            text.append(contentsOf: UTF8.encode(scalar)!)
        default:
            position -= 1
            throw error(.invalidEscape)
        }
    }

    private mutating func hexUnit() throws(JSONError) -> UInt16 {
        guard bytes.count - position >= 4 else { throw error(.endOfInput) }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw error(.invalidEscape)
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    private func validated(_ slice: Slice<UnsafeBufferPointer<UInt8>>, at offset: Int) throws(JSONError) -> String {
        guard let text = String(validating: slice, as: UTF8.self) else { throw JSONError(reason: .invalidUTF8, offset: offset) }
        return text
    }

    // MARK: Skipping

    private mutating func skipValue() throws(JSONError) {
        guard let first = peek else { throw error(.endOfInput) }
        if first == UInt8(ascii: "\"") { return try skipString() }
        guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else {
            let start = position
            while let byte = peek, byte != UInt8(ascii: ","), byte != UInt8(ascii: "}"), byte > 0x20 { position += 1 }
            guard position > start else { throw error(.unexpectedByte) }
            return
        }
        var depth = 0
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                try skipString()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            position += 1
            if depth == 0 { return }
        }
        throw error(.endOfInput)
    }

    private mutating func skipString() throws(JSONError) {
        position += 1
        while let byte = peek {
            position += 1
            if byte == UInt8(ascii: "\"") { return }
            if byte == UInt8(ascii: "\\") { position += 1 }
        }
        throw error(.endOfInput)
    }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = peek, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
        return position - start
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard let found = peek else { throw error(.endOfInput) }
        guard found == byte else { throw error(.unexpectedByte) }
        position += 1
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func error(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, offset: min(position, bytes.count)) }
}

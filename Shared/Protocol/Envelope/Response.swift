/// An answer's bytes, without the line's end.
package enum Response {
    /// A request that could not be read, and what to answer.
    package struct Refusal: Error, Sendable {
        package let id: RequestID
        package let error: RPCError
    }

    /// - Parameter result: JSON bytes.
    package static func success(id: RequestID, result: [UInt8]) -> [UInt8] {
        var writer = JSONWriter(reserving: result.count + 64)
        writer.raw(#"{"jsonrpc":"2.0","result":"#)
        writer.raw(result)
        writer.raw(#","id":"#)
        writer.write(id)
        writer.raw("}")
        return writer.bytes
    }

    package static func failure(id: RequestID, error: RPCError) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw(#"{"jsonrpc":"2.0","error":"#)
        error.write(to: &writer)
        writer.raw(#","id":"#)
        writer.write(id)
        writer.raw("}")
        return writer.bytes
    }

    /// The answers of a batch in one array; `nil` if there is nothing to answer (specification section 6).
    package static func batch(_ responses: [[UInt8]]) -> [UInt8]? {
        guard !responses.isEmpty else { return nil }
        var writer = JSONWriter(reserving: responses.reduce(2) { $0 + $1.count + 1 })
        writer.array(responses) { $0.raw($1) }
        return writer.bytes
    }
}

/// A call or a push as bytes, without the line's end.
package enum Outgoing {
    package static func request(method: String, params: [UInt8], id: Int64, traceparent: String? = nil) -> [UInt8] {
        var writer = JSONWriter(reserving: params.count + (traceparent == nil ? 96 : 176))
        writer.raw(#"{"jsonrpc":"2.0","method":"#)
        writer.write(method)
        writer.raw(#","params":"#)
        writer.raw(params)
        if let traceparent {
            writer.raw(#","traceparent":"#)
            writer.write(traceparent)
        }
        writer.raw(#","id":"#)
        writer.write(id)
        writer.raw("}")
        return writer.bytes
    }

    package static func notification(method: String, params: [UInt8]) -> [UInt8] {
        var writer = JSONWriter(reserving: params.count + 80)
        writer.raw(#"{"jsonrpc":"2.0","method":"#)
        writer.write(method)
        writer.raw(#","params":"#)
        writer.raw(params)
        writer.raw("}")
        return writer.bytes
    }
}

/// What a client receives on a line: the answer to a call of its own, or a push. Values stay bytes until their type is known.
package enum Reply: Sendable {
    case result(id: Int64, json: [UInt8])
    case failure(id: Int64?, RPCError)
    case push(method: String, params: [UInt8])

    package init(line: UnsafeBufferPointer<UInt8>) throws(JSONError) {
        if let result = Self.asWritten(line) {
            self = result
            return
        }
        var id: Int64?
        var method: String?
        var ranges: [String: Range<Int>] = [:]
        for (key, range) in try JSONParser.members(line) {
            let value = UnsafeBufferPointer(rebasing: line[range])
            switch key {
            case "id": if case .int(let number) = try JSONParser.parse(value) { id = number }
            case "method": if case .string(let name) = try JSONParser.parse(value) { method = name }
            default: ranges[key] = range
            }
        }
        if let method {
            self = .push(method: method, params: ranges["params"].map { Array(line[$0]) } ?? Array("{}".utf8))
        } else if let range = ranges["error"] {
            self = .failure(id: id, RPCError(try JSONParser.parse(UnsafeBufferPointer(rebasing: line[range]))))
        } else if let range = ranges["result"], let id {
            self = .result(id: id, json: Array(line[range]))
        } else {
            throw JSONError(reason: .unexpectedByte, offset: 0)
        }
    }

    /// A result exactly as `Response.success` writes it: then nothing of a long page need be looked at.
    private static func asWritten(_ line: UnsafeBufferPointer<UInt8>) -> Reply? {
        let head: StaticString = #"{"jsonrpc":"2.0","result":"#
        let tail: StaticString = #","id":"#
        guard line.count > head.utf8CodeUnitCount + tail.utf8CodeUnitCount + 2, line[line.count - 1] == UInt8(ascii: "}"),
            line.prefix(head.utf8CodeUnitCount).elementsEqual(
                UnsafeBufferPointer(start: head.utf8Start, count: head.utf8CodeUnitCount))
        else { return nil }
        var end = line.count - 1
        var id: Int64 = 0
        var scale: Int64 = 1
        while end > 0, case let digit = line[end - 1], UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit,
            scale < 1_000_000_000_000_000
        {
            id += Int64(digit - 48) * scale
            scale *= 10
            end -= 1
        }
        let start = end - tail.utf8CodeUnitCount
        guard scale > 1, start >= head.utf8CodeUnitCount,
            line[start..<end].elementsEqual(UnsafeBufferPointer(start: tail.utf8Start, count: tail.utf8CodeUnitCount))
        else { return nil }
        return .result(id: id, json: Array(line[head.utf8CodeUnitCount..<start]))
    }
}

extension JSONWriter {
    package mutating func write(_ id: RequestID) {
        switch id {
        case .string(let text): write(text)
        case .int(let number): write(number)
        case .null: null()
        }
    }
}

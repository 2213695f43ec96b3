private import CHiredis
import Metrics
import NIOCore

/// A reply of the Redis protocol, version 2 (redis.io, "Redis serialization protocol specification").
package enum RedisValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case status(String)
    /// A value as bytes.
    case bytes([UInt8])
    case array([RedisValue])
    /// An array of values, put together with commas between, and how many there were: for a caller that passes them on as they are.
    case joined([UInt8], count: Int)
    /// Only inside arrays: an error as the whole reply is thrown.
    case error(RedisError)

    package var bytes: [UInt8]? {
        switch self {
        case .bytes(let bytes): bytes
        case .status(let text): Array(text.utf8)
        default: nil
        }
    }
    package var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .bytes: string.flatMap { Int64($0) }
        default: nil
        }
    }
    package var array: [RedisValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }
}

package struct RedisError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// There is no connection: nothing was sent.
        case notConnected
        /// The connection ended before the reply; the command may have taken effect.
        case lost
        case deadline
        /// Too much waits already: nothing was sent.
        case overloaded
        /// Redis answered an error; `code` is its first word, such as `NOSCRIPT` or `READONLY`.
        case server
    }

    package let kind: Kind
    package let code: String
    package let message: String

    package init(_ kind: Kind, code: String = "", _ message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    package var description: String { "\(kind): \(message)" }
}

/// hiredis' incremental parser.
final class ReplyReader {
    private let reader: UnsafeMutablePointer<redisReader>

    init() {
        guard let reader = redisReaderCreate() else { fatalError("hiredis: out of memory") }
        self.reader = reader
    }
    deinit { redisReaderFree(reader) }

    func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisError) {
        guard let base = bytes.baseAddress else { return }
        if redisReaderFeed(reader, base.assumingMemoryBound(to: CChar.self), bytes.count) != REDIS_OK { throw failure() }
    }

    /// The next whole reply, if it has arrived.
    ///
    /// - Parameter joining: whether an array of values alone is to be joined.
    func next(joining: () -> Bool) throws(RedisError) -> RedisValue? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw failure() }
        guard let reply else { return nil }
        defer { freeReplyObject(reply) }
        let found = reply.assumingMemoryBound(to: redisReply.self)
        return joining() ? joined(found) ?? value(found) : value(found)
    }

    private func joined(_ reply: UnsafeMutablePointer<redisReply>) -> RedisValue? {
        guard reply.pointee.type == REDIS_REPLY_ARRAY else { return nil }
        let count = Int(reply.pointee.elements)
        var size = 0
        for index in 0..<count {
            guard let element = reply.pointee.element[index], element.pointee.type == REDIS_REPLY_STRING else { return nil }
            size += Int(element.pointee.len) + 1
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            for index in 0..<count {
                guard let element = reply.pointee.element[index], let base = buffer.baseAddress else { continue }
                if index > 0 {
                    buffer[filled] = UInt8(ascii: ",")
                    filled += 1
                }
                let length = Int(element.pointee.len)
                UnsafeMutableRawPointer(base + filled).copyMemory(from: element.pointee.str, byteCount: length)
                filled += length
            }
        }
        return .joined(bytes, count: count)
    }

    private func value(_ reply: UnsafeMutablePointer<redisReply>) -> RedisValue {
        let reply = reply.pointee
        let text = UnsafeRawBufferPointer(start: reply.str, count: reply.str == nil ? 0 : Int(reply.len))
        switch reply.type {
        case REDIS_REPLY_INTEGER: return .integer(reply.integer)
        case REDIS_REPLY_STATUS: return .status(String(decoding: text, as: UTF8.self))
        case REDIS_REPLY_STRING: return .bytes(Array(text))
        case REDIS_REPLY_ERROR:
            let message = String(decoding: text, as: UTF8.self)
            return .error(RedisError(.server, code: String(message.prefix { $0 != " " }), message))
        case REDIS_REPLY_ARRAY:
            return .array((0..<Int(reply.elements)).map { index in reply.element[index].map(value) ?? .null })
        default: return .null
        }
    }

    private func failure() -> RedisError {
        RedisError(.lost, "Redis sent what is not its protocol (error \(reader.pointee.err))")
    }
}

/// A command as an array of values (redis.io, "Redis serialization protocol specification").
enum CommandFormat {
    static func write(_ parts: [[UInt8]], to buffer: inout ByteBuffer) {
        buffer.reserveCapacity(parts.reduce(16) { $0 + $1.count + 16 })
        head(UInt8(ascii: "*"), parts.count, &buffer)
        for part in parts {
            head(UInt8(ascii: "$"), part.count, &buffer)
            buffer.writeBytes(part)
            buffer.writeStaticString("\r\n")
        }
    }

    private static func head(_ kind: UInt8, _ count: Int, _ buffer: inout ByteBuffer) {
        buffer.writeInteger(kind)
        buffer.writeString(String(count))
        buffer.writeStaticString("\r\n")
    }
}

extension RedisError {
    /// Whether it shows that the server is no master any more, or not that of the key.
    var isOfAnotherLayout: Bool { ["READONLY", "MOVED", "CLUSTERDOWN"].contains(code) }

    /// Whether the command is one that the server does not know, or that the user may not give.
    var isOfUnknownCommand: Bool { ["ERR", "NOPERM"].contains(code) }

    /// A script that Redis does not know yet is no failure, and neither is being sent elsewhere.
    func count() {
        guard !["NOSCRIPT", "MOVED", "ASK"].contains(code) else { return }
        Counter(label: "everline_redis_errors_total", dimensions: [("kind", kind.rawValue)]).increment()
    }
}

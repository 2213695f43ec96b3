private import CHiredis

/// A reply of the Redis protocol, version 2 (redis.io, "Redis serialization protocol specification").
package enum RedisValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case status(String)
    /// A value as bytes.
    case bytes([UInt8])
    case array([RedisValue])
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
    package enum Kind: Sendable {
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
    func next() throws(RedisError) -> RedisValue? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw failure() }
        guard let reply else { return nil }
        defer { freeReplyObject(reply) }
        return value(reply.assumingMemoryBound(to: redisReply.self))
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

/// Formats a command (hiredis' redisFormatCommandArgv).
enum CommandFormat {
    static func withFormatted<R>(_ parts: [[UInt8]], _ body: (UnsafeRawBufferPointer) -> R) -> R {
        var lengths = parts.map(\.count)
        let joined = parts.flatMap { $0 }
        return joined.withUnsafeBytes { bytes in
            let empty: StaticString = ""
            let base =
                bytes.bindMemory(to: CChar.self).baseAddress
                ?? UnsafeRawPointer(empty.utf8Start).assumingMemoryBound(to: CChar.self)
            var offset = 0
            var pointers: [UnsafePointer<CChar>?] = parts.map { part in
                defer { offset += part.count }
                return base + offset
            }
            var target: UnsafeMutablePointer<CChar>?
            let count = redisFormatCommandArgv(&target, Int32(parts.count), &pointers, &lengths)
            defer { redisFreeCommand(target) }
            return body(UnsafeRawBufferPointer(start: target, count: max(0, Int(count))))
        }
    }
}

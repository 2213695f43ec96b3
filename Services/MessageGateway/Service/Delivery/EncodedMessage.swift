import EverlineProtocol
import NIOCore

/// A message encoded once for all its readers: the push as a line, and as a WebSocket text frame (RFC 6455 section 5.2, unmasked, final).
struct EncodedMessage: Sendable {
    let seq: Int64
    /// With the `\n`.
    let line: ByteBuffer
    let frame: ByteBuffer

    init(_ message: Message) {
        self.init(seq: message.seq, json: message.jsonBytes(reserving: message.body.utf8.count + 320))
    }

    /// - Parameter json: the message as JSON.
    init(seq: Int64, json: [UInt8]) {
        self.seq = seq
        let push = Outgoing.notification(method: Push.messagePosted, params: json)
        line = Framing.line(push)
        frame = Framing.frame(push)
    }

    /// The message itself within the push.
    var json: [UInt8] {
        let start = Self.head
        return Array(line.readableBytesView[line.readerIndex + start..<line.writerIndex - 2])
    }

    private static let head = Outgoing.notification(method: Push.messagePosted, params: []).count - 1
}

/// A message as a revision left it, encoded once for all its readers.
struct EncodedRevision: Sendable {
    /// The revision's number in its room.
    let rev: Int64
    let seq: Int64
    let method: String
    let json: [UInt8]
    let line: ByteBuffer
    let frame: ByteBuffer

    /// - Parameter message: with `rev` as its own.
    init(_ message: Message) {
        self.init(
            rev: message.rev ?? 0, seq: message.seq, method: message.deleted ? Push.messageDeleted : Push.messageEdited,
            json: message.jsonBytes(reserving: message.body.utf8.count + 400))
    }

    init(rev: Int64, seq: Int64, method: String, json: [UInt8]) {
        self.rev = rev
        self.seq = seq
        self.method = method
        self.json = json
        let push = Outgoing.notification(method: method, params: json)
        line = Framing.line(push)
        frame = Framing.frame(push)
    }
}

/// The two ways in which bytes are put on a connection.
enum Framing {
    static func line(_ bytes: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        return buffer
    }

    static func frame(_ bytes: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(bytes.count + 10)
        buffer.writeInteger(UInt8(0x81))
        switch bytes.count {
        case 0..<126: buffer.writeInteger(UInt8(bytes.count))
        case 126...0xFFFF:
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(bytes.count))
        default:
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(bytes.count))
        }
        buffer.writeBytes(bytes)
        return buffer
    }

    /// A close frame (RFC 6455 section 5.5.1).
    static func close(_ code: UInt16) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt8(0x88))
        buffer.writeInteger(UInt8(2))
        buffer.writeInteger(code)
        return buffer
    }

    /// A ping without data, or the pong to one with it; at most 125 bytes (RFC 6455 section 5.5).
    static func ping() -> ByteBuffer { ByteBuffer(bytes: [0x89, 0]) }
    static func pong(_ data: ByteBuffer) -> ByteBuffer {
        var buffer = ByteBuffer(bytes: [0x8A, UInt8(min(data.readableBytes, 125))])
        buffer.writeBytes(data.readableBytesView.prefix(125))
        return buffer
    }
}

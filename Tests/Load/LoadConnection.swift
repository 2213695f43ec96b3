import EverlineLines
import EverlineProtocol
import NIOCore
import NIOPosix
import NIOSSL

/// One client on a TLS line, as light as can be: it shares the machine with what it measures. Answers and pushes are told apart and read without
/// decoding JSON.
///
/// `@unchecked Sendable`: everything is touched on `loop` alone.
final class LoadConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let loop: any EventLoop
    private var context: ChannelHandlerContext?
    private var waiting: [Int: EventLoopPromise<ByteBuffer>] = [:]
    private var nextCall = 1
    private var dirty = false
    /// For answers whose id is at least `firstID`; whether it is a result.
    var answered: (_ id: Int, _ isResult: Bool) -> Void = { _, _ in }
    /// Any push, as a line.
    var pushed: (ByteBuffer) -> Void = { _ in }
    var closed: () -> Void = {}
    /// Why it is closed, as far as that is known.
    private(set) var failure: any Error = ChannelError.eof

    /// Ids below are those of `call`.
    static let firstID = 1_000_000

    init(loop: any EventLoop) { self.loop = loop }

    static func connect(port: Int, tls: NIOSSLContext, on loop: any EventLoop) async throws -> LoadConnection {
        let connection = LoadConnection(loop: loop)
        _ = try await ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(60))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try NIOSSLClientHandler(context: tls, serverHostname: "localhost"),
                        LineDecoder(limit: 1 << 24, patience: .hours(1)), connection,
                    ])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return connection
    }

    /// The answer, whatever it is.
    func call(_ method: String, _ params: String) async throws -> String {
        let buffer = try await loop.flatSubmit { [self] in
            let promise = loop.makePromise(of: ByteBuffer.self)
            let id = nextCall
            nextCall += 1
            waiting[id] = promise
            write(ByteBuffer(string: #"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params),"id":\#(id)}"# + "\n"))
            context?.flush()
            if context == nil { promise.fail(failure) }
            return promise.futureResult
        }.get()
        return String(buffer: buffer)
    }

    /// What is refused with `retryable` is asked again after the time that the answer names.
    ///
    /// - Throws: what was answered, unless it is a result.
    @discardableResult
    func result(_ method: String, _ params: String) async throws -> String {
        var answer = ""
        for _ in 0..<100 {
            answer = try await call(method, params)
            if answer.hasPrefix(#"{"jsonrpc":"2.0","result""#) { return answer }
            guard answer.contains(#""retryable":true"#) else { break }
            let pause = Self.number(after: #""retryAfterMs":"#, in: ByteBuffer(string: answer)) ?? 100
            try await Task.sleep(for: .milliseconds(Int.random(in: pause...pause * 2)))
        }
        throw Refused(answer: answer)
    }

    struct Refused: Error { let answer: String }

    /// A line with its `\n`; flushed by whoever wrote, or when the read that is under way has ended.
    func write(_ line: ByteBuffer) {
        context?.write(wrapOutboundOut(line), promise: nil)
        dirty = true
    }
    func flush() {
        dirty = false
        context?.flush()
    }
    func close() { loop.execute { self.context?.close(promise: nil) } }
    /// Reads nothing more until told to.
    func setAutoRead(_ on: Bool) { context?.channel.setOption(.autoRead, value: on).whenComplete { _ in } }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        for promise in waiting.values { promise.fail(failure) }
        waiting = [:]
        closed()
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = error
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let line = unwrapInboundIn(data)
        // {"jsonrpc":"2.0","method" … or "result" or "error"
        guard let kind = line.getInteger(at: line.readerIndex + 18, as: UInt8.self) else { return }
        if kind == UInt8(ascii: "m") { return pushed(line) }
        guard let id = Self.id(of: line) else { return }
        if id >= Self.firstID { return answered(id, kind == UInt8(ascii: "r")) }
        waiting.removeValue(forKey: id)?.succeed(line)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if dirty { flush() }
        context.fireChannelReadComplete()
    }

    /// The number before the last brace.
    private static func id(of line: ByteBuffer) -> Int? {
        line.withUnsafeReadableBytes { bytes in
            var index = bytes.count - 2
            var scale = 1
            var id = 0
            while index >= 0, bytes[index] >= 48, bytes[index] <= 57 {
                id += Int(bytes[index] - 48) * scale
                scale *= 10
                index -= 1
            }
            return scale > 1 ? id : nil
        }
    }

    /// The number that follows `"key":` in a line, looked for from `start` on.
    static func number(after key: StaticString, in line: ByteBuffer, from start: Int = 40) -> Int? {
        line.withUnsafeReadableBytes { bytes in
            let length = key.utf8CodeUnitCount
            var index = start
            while index + length < bytes.count {
                if bytes[index] == key.utf8Start[0],
                    UnsafeRawBufferPointer(rebasing: bytes[index..<index + length])
                        .elementsEqual(UnsafeRawBufferPointer(start: key.utf8Start, count: length))
                {
                    index += length
                    var value = 0
                    while index < bytes.count, bytes[index] >= 48, bytes[index] <= 57 {
                        value = value * 10 + Int(bytes[index] - 48)
                        index += 1
                    }
                    return value
                }
                index += 1
            }
            return nil
        }
    }
}

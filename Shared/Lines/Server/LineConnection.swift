import DequeModule
import EverlineProtocol
import Logging
import NIOCore
import NIOSSL

/// One connection of a service's listener: reads lines, answers each when its method is done, stops reading while too much is under way.
final class LineConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let table: MethodTable<Caller>
    private let logger: Logger
    private let farewell: TimeAmount
    private var caller: Caller?
    private var inFlight = 0
    /// What was read and is not begun: of one read of the socket, as no further one is made while any waits.
    private var waiting: Deque<Incoming> = []
    private var held = false
    private var ending = false
    private var dirty = false
    private var context: ChannelHandlerContext?
    private var tasks: LoopTasks?

    /// Services share one connection among many callers; a person or a program has it alone, and answers may be megabytes long.
    private var mostInFlight: Int { caller?.peer == nil ? 4 : 256 }
    private var isFull: Bool { inFlight >= mostInFlight || context?.channel.isWritable != true }

    init(table: MethodTable<Caller>, logger: Logger, farewell: TimeAmount) {
        self.table = table
        self.logger = logger
        self.farewell = farewell
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        tasks = LoopTasks.on(context.eventLoop)
    }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !ending else { return }
        let line = unwrapInboundIn(data)
        let incoming = line.withUnsafeReadableBytes { Incoming(line: $0.assumingMemoryBound(to: UInt8.self)) }
        if isFull || !waiting.isEmpty { waiting.append(incoming) } else { begin(incoming, context) }
    }

    private func begin(_ incoming: Incoming, _ context: ChannelHandlerContext) {
        let caller = caller ?? self.identify(context)
        inFlight += 1
        let loop = context.eventLoop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let table = table
        Task(executorPreference: tasks) {
            let answer = await table.answer(incoming, caller)
            loop.execute { bound.value.answered(answer) }
        }
    }

    /// Holds the socket while the bound is reached: the peer's pipelining is its own memory then.
    func read(context: ChannelHandlerContext) {
        if isFull || ending || !waiting.isEmpty {
            held = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        release(context)
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? LineError {
            ending = true
            context.sendAndClose(NIOAny(Self.line(Response.failure(id: .null, error: error.rpcError))))
        } else {
            logger.debug("a connection failed", metadata: ["error": "\(error)"])
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ending = true
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            leave(context)
        case ChannelEvent.inputClosed:
            // The other side has said all it will; it still gets its answers.
            end(context)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// What services are told when this one stops, so that they ask another instance. They close the connection when they have their answers: until then
    /// what they sent before they heard it is answered, also the first of all.
    static let leaving = "internal.leaving"

    private func leave(_ context: ChannelHandlerContext) {
        guard (caller ?? identify(context)).peer != nil, !ending else { return end(context) }
        context.writeAndFlush(
            NIOAny(Self.line(Outgoing.notification(method: Self.leaving, params: Array("{}".utf8)))), promise: nil)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: farewell) {
            let (connection, context) = bound.value
            if connection.context != nil { connection.end(context) }
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        ending = true
        guard inFlight == 0, waiting.isEmpty else { return }
        // What was answered in this turn.
        context.flush()
        context.close(promise: nil)
    }

    private func answered(_ answer: [UInt8]?) {
        inFlight -= 1
        guard let context else { return }
        if let answer {
            context.write(NIOAny(Self.line(answer)), promise: nil)
            flushLater(context)
        }
        release(context)
        if ending, inFlight == 0, waiting.isEmpty {
            context.flush()
            context.close(promise: nil)
        }
    }

    /// One flush for all answers of this turn.
    private func flushLater(_ context: ChannelHandlerContext) {
        guard !dirty else { return }
        dirty = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            bound.value.dirty = false
            bound.value.context?.flush()
        }
    }

    private func release(_ context: ChannelHandlerContext) {
        while !isFull, let next = waiting.popFirst() { begin(next, context) }
        guard held, waiting.isEmpty, !isFull, !ending else { return }
        held = false
        context.read()
    }

    private func identify(_ context: ChannelHandlerContext) -> Caller {
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        let caller = Caller(peer: certificate.flatMap { Peer($0) }, address: context.remoteAddress?.ipAddress ?? "")
        self.caller = caller
        return caller
    }

    static func line(_ bytes: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        return buffer
    }
}

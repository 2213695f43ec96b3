import EverlineProtocol
import Logging
import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// The calls in flight on one connection.
final class LineCalls: Sendable {
    /// The call was not sent, so another connection may take it.
    enum NotSent: Error { case closed }

    private let channel: any Channel
    private let handler: NIOLoopBound<LineCallsHandler>
    private let inFlight = Mutex(0)

    private static let mostInFlight = 4_096

    init(channel: any Channel, handler: NIOLoopBound<LineCallsHandler>) {
        self.channel = channel
        self.handler = handler
    }

    /// - Parameter left: called when the other end says that it stops, before it does: what was asked is answered, and nothing more should be.
    func whenLeaving(_ left: @escaping @Sendable () -> Void) {
        channel.eventLoop.execute { self.handler.value.whenLeaving(left) }
    }

    /// The result's bytes.
    func call(method: String, params: [UInt8], until deadline: NIODeadline) async throws -> [UInt8] {
        let admitted = inFlight.withLock { count in
            guard count < Self.mostInFlight else { return false }
            count += 1
            return true
        }
        guard admitted else { throw RPCError(.overloaded, retryAfterMs: 200) }
        defer { inFlight.withLock { $0 -= 1 } }
        let promise = channel.eventLoop.makePromise(of: [UInt8].self)
        let trace = TraceContext.current
        channel.eventLoop.execute { self.handler.value.send(method, params, trace?.traceparent, deadline, promise) }
        return try await promise.futureResult.get()
    }
}

final class LineCallsHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Call {
        let promise: EventLoopPromise<[UInt8]>
        let timer: Scheduled<Void>
        let sent: NIODeadline
    }

    private let ready: EventLoopPromise<LineCalls>
    private let logger: Logger
    private var context: ChannelHandlerContext?
    private var calls: [Int64: Call] = [:]
    private var nextID: Int64 = 1
    private var lastHeard = NIODeadline.now()
    private var dirty = false
    private var leaving: (@Sendable () -> Void)?
    private var isLeaving = false
    private var failure: any Error = ChannelError.eof

    init(ready: EventLoopPromise<LineCalls>, logger: Logger) {
        self.ready = ready
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            ready.succeed(LineCalls(channel: context.channel, handler: NIOLoopBound(self, eventLoop: context.eventLoop)))
        }
        context.fireUserInboundEventTriggered(event)
    }

    func whenLeaving(_ left: @escaping @Sendable () -> Void) {
        leaving = left
        if isLeaving { left() }
    }

    func send(
        _ method: String, _ params: [UInt8], _ traceparent: String?, _ deadline: NIODeadline, _ promise: EventLoopPromise<[UInt8]>
    ) {
        guard let context, context.channel.isActive, !isLeaving else { return promise.fail(LineCalls.NotSent.closed) }
        let id = nextID
        nextID += 1
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timer = context.eventLoop.scheduleTask(deadline: deadline) { bound.value.late(id) }
        calls[id] = Call(promise: promise, timer: timer, sent: .now())
        context.write(
            wrapOutboundOut(
                LineConnection.line(Outgoing.request(method: method, params: params, id: id, traceparent: traceparent))),
            promise: nil)
        // One flush for all calls of this turn.
        guard !dirty else { return }
        dirty = true
        context.eventLoop.execute {
            bound.value.dirty = false
            bound.value.context?.flush()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = .now()
        let line = unwrapInboundIn(data)
        do {
            switch try line.withUnsafeReadableBytes({ try Reply(line: $0.assumingMemoryBound(to: UInt8.self)) }) {
            case .result(let id, let json): take(id)?.succeed(json)
            case .failure(let id?, let error): take(id)?.fail(error)
            case .failure(nil, let error):
                failure = error
                context.close(promise: nil)
            case .push(LineConnection.leaving, _):
                isLeaving = true
                leaving?()
                closeIfDone()
            case .push: break
            }
        } catch {
            logger.error("a service answered what is no JSON-RPC", metadata: ["error": "\(error)"])
            failure = error
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        ready.fail(failure)
        let lost = calls
        calls = [:]
        for call in lost.values {
            call.timer.cancel()
            call.promise.fail(ChannelError.ioOnClosedChannel)
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = error
        ready.fail(error)
        context.close(promise: nil)
    }

    private func take(_ id: Int64) -> EventLoopPromise<[UInt8]>? {
        guard let call = calls.removeValue(forKey: id) else { return nil }
        call.timer.cancel()
        closeIfDone()
        return call.promise
    }

    /// One that leaves waits for us to have our answers.
    private func closeIfDone() {
        if isLeaving, calls.isEmpty { context?.close(promise: nil) }
    }

    private func late(_ id: Int64) {
        guard let call = calls.removeValue(forKey: id) else { return }
        call.promise.fail(RPCError(.deadline))
        // Nothing at all was heard since: the other end is gone, although no packet has said so.
        if lastHeard < call.sent { context?.close(promise: nil) }
        closeIfDone()
    }
}

import EverlineLines
import EverlineProtocol
import NIOCore
import NIOWebSocket

/// The WebSocket (RFC 6455): one text frame is one line, in as many fragments as its sender likes.
final class WebSocketDoor: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let dispatcher: Dispatcher
    private let hub: LoopHub
    private let outlet: Outlet
    private let address: String
    private let gate = ReadGate()
    private var client: Client?
    /// The fragments of an unfinished message.
    private var fragments: ByteBuffer?
    private var fragmentTimer: Scheduled<Void>?
    private var pinger: RepeatedTask?
    private var heard = NIODeadline.now()
    private var closing = false

    init(dispatcher: Dispatcher, hub: LoopHub, outlet: Outlet, address: String) {
        self.dispatcher = dispatcher
        self.hub = hub
        self.outlet = outlet
        self.address = address
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard let way = outlet.context else { return }
        let client = Client(hub: hub, address: address, framing: .frame, outlet: way)
        self.client = client
        hub.remember(client)
        gate.attach(client, context, dispatcher)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        pinger = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(30), delay: .seconds(30)) { _ in
            let (door, context) = bound.value
            door.ping(context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !closing else { return }
        heard = .now()
        let frame = unwrapInboundIn(data)
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return close(1002, context) }
        switch frame.opcode {
        case .text:
            guard fragments == nil else { return close(1002, context) }
            if frame.fin { return received(frame.unmaskedData) }
            fragments = frame.unmaskedData
            startTimer(context)
        case .continuation:
            guard var all = fragments else { return close(1002, context) }
            var part = frame.unmaskedData
            guard all.readableBytes + part.readableBytes <= Limits.line else { return tooLong() }
            fragments = nil
            all.writeBuffer(&part)
            guard frame.fin else {
                fragments = all
                return
            }
            fragmentTimer?.cancel()
            fragmentTimer = nil
            received(all)
        case .binary: close(1003, context)
        case .ping: write(Framing.pong(frame.unmaskedData))
        case .pong: break
        case .connectionClose: close(1000, context)
        default: close(1002, context)
        }
    }

    func read(context: ChannelHandlerContext) { gate.read(context) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let client { hub.writable(client) }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error as? NIOWebSocketError {
        case .invalidFrameLength?: tooLong()
        case nil: context.close(promise: nil)
        default: close(1002, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        pinger?.cancel()
        fragmentTimer?.cancel()
        client?.ended()
        client = nil
        gate.detach()
        context.fireChannelInactive()
    }

    private func received(_ line: ByteBuffer) {
        guard let client else { return }
        guard line.readableBytes <= Limits.line else { return tooLong() }
        // As on a line, an empty one is ignored.
        guard line.readableBytes > 0 else { return }
        dispatcher.receive(line.withUnsafeReadableBytes { Incoming(line: $0.assumingMemoryBound(to: UInt8.self)) }, from: client)
    }

    private func tooLong() {
        guard !closing else { return }
        closing = true
        client?.ending = true
        client?.end(RPCError(.lineTooLong))
    }

    private func startTimer(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        fragmentTimer = context.eventLoop.scheduleTask(in: .seconds(30)) {
            bound.value.closing = true
            bound.value.client?.ending = true
            bound.value.client?.end(RPCError(.lineUnfinished))
        }
    }

    private func ping(_ context: ChannelHandlerContext) {
        if .now() - heard > .seconds(90) { return context.close(promise: nil) }
        write(Framing.ping())
    }

    private func write(_ frame: ByteBuffer) { outlet.context?.writeAndFlush(NIOAny(frame), promise: nil) }

    /// The closing handshake; a moment later the connection ends.
    private func close(_ code: UInt16, _ context: ChannelHandlerContext) {
        guard !closing else { return }
        closing = true
        client?.ending = true
        if let way = outlet.context {
            way.sendAndClose(NIOAny(Framing.close(code)))
        } else {
            context.close(promise: nil)
        }
    }
}

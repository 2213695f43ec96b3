import EverlineLines
import EverlineProtocol
import NIOCore

/// TLS lines, for programs: each line is a request or a batch.
final class LineDoor: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let dispatcher: Dispatcher
    private let hub: LoopHub
    private let address: String
    private let gate = ReadGate()
    private var client: Client?

    init(dispatcher: Dispatcher, hub: LoopHub, address: String) {
        self.dispatcher = dispatcher
        self.hub = hub
        self.address = address
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let client = Client(hub: hub, address: address, framing: .line, outlet: context)
        self.client = client
        hub.remember(client)
        gate.attach(client, context, dispatcher)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let client else { return }
        let line = unwrapInboundIn(data)
        dispatcher.receive(line.withUnsafeReadableBytes { Incoming(line: $0.assumingMemoryBound(to: UInt8.self)) }, from: client)
    }

    func read(context: ChannelHandlerContext) { gate.read(context) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let client { hub.writable(client) }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? LineError {
            client?.ending = true
            client?.end(error.rpcError)
        } else {
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            // All has been said; the answers still go out.
            client?.ending = true
            gate.closeWhenAnswered()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        client?.ended()
        client = nil
        gate.detach()
        context.fireChannelInactive()
    }
}

/// Stops reading a connection while too many of its requests wait, or what it should read waits: its own pipelining is its own memory.
final class ReadGate {
    private var client: Client?
    private var context: ChannelHandlerContext?
    private var held = false
    private var closing = false

    func attach(_ client: Client, _ context: ChannelHandlerContext, _ dispatcher: Dispatcher) {
        self.client = client
        self.context = context
        client.answered = { [weak self] in self?.answered() }
        client.roomAgain = { [weak self, weak client] in
            if let client { dispatcher.drain(client) }
            self?.release()
        }
    }

    func detach() {
        client = nil
        context = nil
    }

    func read(_ context: ChannelHandlerContext) {
        // After an error nothing more is wanted of the peer, and its sending is left to its own buffers.
        guard let client, client.isOpen, !client.ending else { return }
        if client.inFlight >= Dispatcher.mostInFlight || !context.channel.isWritable {
            held = true
        } else {
            context.read()
        }
    }

    func release() {
        guard held, let client, let context, client.inFlight < Dispatcher.mostInFlight, context.channel.isWritable else { return }
        held = false
        context.read()
    }

    func closeWhenAnswered() {
        closing = true
        answered()
    }

    private func answered() {
        guard let client, let context else { return }
        if closing, client.inFlight == 0 {
            _ = client.flush()
            context.close(promise: nil)
            self.context = nil
        } else {
            release()
        }
    }
}

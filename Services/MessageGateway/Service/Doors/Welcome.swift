import DequeModule
import NIOCore

/// Takes in newcomers a few a turn of the loop. A TLS handshake costs a hundred times what a message does; when thousands come back at once, those who
/// are here already are served in between.
///
/// Confined to its loop.
final class Welcome {
    private let loop: any EventLoop
    private var waiting: Deque<() -> Void> = []

    private static let perTurn = 4
    /// From so many on they are a crowd, which comes in at a thousand a second on each loop: what follows a handshake needs the machine too.
    private static let crowd = 32
    private static let pause = TimeAmount.milliseconds(2)

    init(loop: any EventLoop) { self.loop = loop }

    fileprivate func take(_ newcomer: @escaping () -> Void) {
        waiting.append(newcomer)
        if waiting.count == 1 { loop.assumeIsolated().execute { self.turn() } }
    }

    private func turn() {
        for _ in 0..<min(Self.perTurn, waiting.count) { waiting.removeFirst()() }
        if waiting.isEmpty { return }
        if waiting.count < Self.crowd {
            loop.assumeIsolated().execute { self.turn() }
        } else {
            loop.assumeIsolated().scheduleTask(in: Self.pause) { self.turn() }
        }
    }

    /// Before TLS: holds the first bytes of a connection until its turn has come.
    final class Door: ChannelDuplexHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let welcome: Welcome
        private var held: ByteBuffer?

        init(_ welcome: Welcome) { self.welcome = welcome }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            if held != nil {
                held?.writeBuffer(&bytes)
                return
            }
            held = bytes
            welcome.take { [self] in
                guard context.channel.isActive, let bytes = held else { return }
                context.fireChannelRead(wrapInboundOut(bytes))
                context.fireChannelReadComplete()
                held = nil
                context.read()
                context.pipeline.syncOperations.removeHandler(self, promise: nil)
            }
        }

        /// Nothing is read while the first bytes wait, so they stay few.
        func read(context: ChannelHandlerContext) { if held == nil { context.read() } }

        func channelReadComplete(context: ChannelHandlerContext) {
            if held == nil { context.fireChannelReadComplete() }
        }
    }
}

import DequeModule
import EverlineLines
import NIOCore
import NIOSSL

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

    /// So soon something must come of who has connected.
    private static let patience = TimeAmount.seconds(10)

    /// Before TLS: holds the first bytes of a connection until its turn has come. The handshake's time begins with that: how long a crowd waits is no fault
    /// of those who wait.
    final class Door: ChannelDuplexHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let welcome: Welcome
        private var held: ByteBuffer?
        private var timer: Scheduled<Void>?

        init(_ welcome: Welcome) { self.welcome = welcome }

        func handlerAdded(context: ChannelHandlerContext) {
            let channel = context.channel
            timer = context.eventLoop.scheduleTask(in: Welcome.patience) { channel.close(promise: nil) }
        }

        func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

        func channelInactive(context: ChannelHandlerContext) {
            timer?.cancel()
            context.fireChannelInactive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            if held != nil {
                held?.writeBuffer(&bytes)
                return
            }
            held = bytes
            timer?.cancel()
            welcome.take { [self] in
                guard context.channel.isActive, let bytes = held else { return }
                let pipeline = context.pipeline.syncOperations
                do {
                    try pipeline.addHandler(HandshakeTimer(), position: .after(pipeline.handler(type: NIOSSLServerHandler.self)))
                } catch { return context.close(promise: nil) }
                context.fireChannelRead(wrapInboundOut(bytes))
                context.fireChannelReadComplete()
                held = nil
                context.read()
                pipeline.removeHandler(self, promise: nil)
            }
        }

        /// Nothing is read while the first bytes wait, so they stay few.
        func read(context: ChannelHandlerContext) { if held == nil { context.read() } }

        func channelReadComplete(context: ChannelHandlerContext) {
            if held == nil { context.fireChannelReadComplete() }
        }
    }
}

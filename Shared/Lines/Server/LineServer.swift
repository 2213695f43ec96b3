package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// A service's listener: JSON-RPC lines over TLS 1.3.
package final class LineServer: Sendable {
    private let channel: any Channel
    private let connections: Connections

    package var port: Int { channel.localAddress?.port ?? 0 }

    /// Binds and accepts at once.
    ///
    /// - Parameter farewell: when it stops, how long a service that was told so may take to go.
    package init(
        host: String, port: Int, tls: any TLSContextSource, table: MethodTable<Caller>, group: any EventLoopGroup, logger: Logger,
        mostConnections: Int = 1_000, patience: TimeAmount = .seconds(30), farewell: TimeAmount = .seconds(1)
    ) async throws {
        let connections = Connections()
        self.connections = connections
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: false)
            .childChannelInitializer { channel in
                guard connections.add(channel, most: mostConnections) else {
                    return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
                }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLServerHandler(context: tls.now), HandshakeTimer(),
                        LineDecoder(patience: patience), LineConnection(table: table, logger: logger, farewell: farewell),
                    ])
                }
            }
            .bind(host: host, port: port).get()
    }

    /// Accepts nothing more, answers what was asked, and closes; after `grace` it closes whatever is left.
    package func shutdown(grace: Duration = .seconds(5)) async {
        try? await channel.close().get()
        connections.quiesce()
        let end = ContinuousClock.now + grace
        while !connections.isEmpty, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(20)) }
        connections.close()
    }
}

/// The open connections of a listener.
package final class Connections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    package init() {}

    /// Remembers a channel until it closes; false if there are too many.
    package func add(_ channel: any Channel, most: Int) -> Bool {
        let id = ObjectIdentifier(channel)
        let added = channels.withLock { channels in
            guard channels.count < most else { return false }
            channels[id] = channel
            return true
        }
        if added { channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[id] = nil } } }
        return added
    }

    package var count: Int { channels.withLock { $0.count } }
    package var isEmpty: Bool { count == 0 }

    package func quiesce() { tell(ChannelShouldQuiesceEvent()) }
    /// Fires an event in each one's pipeline.
    package func tell(_ event: any Sendable) {
        for channel in channels.withLock({ Array($0.values) }) { channel.pipeline.fireUserInboundEventTriggered(event) }
    }
    package func close() {
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }
}

/// Ends a connection whose handshake is not done in time: until then nothing of ours has seen it.
package final class HandshakeTimer: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    private let time: TimeAmount
    private var timer: Scheduled<Void>?

    package init(_ time: TimeAmount = .seconds(10)) { self.time = time }

    package func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }
    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }
    package func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }
    package func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }
    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            timer?.cancel()
            timer = nil
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func start(_ context: ChannelHandlerContext) {
        guard timer == nil else { return }
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }
}

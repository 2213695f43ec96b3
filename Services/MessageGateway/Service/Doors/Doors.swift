import AuthClient
import EverlineLines
import EverlineProtocol
import EverlineService
import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

/// The listeners for clients.
struct Doors: Sendable {
    private let listeners: [any Channel]
    private let connections = Connections()
    private let hubs: [LoopHub]
    private let calls = OpenCalls()

    /// Some descriptors are kept back for PostgreSQL, Redis and the other services, whose connections must be able to come back.
    private static var mostConnections: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 10_000 }
        return min(50_000, max(Int(clamping: limit.rlim_cur) - 500, Int(clamping: limit.rlim_cur) / 2))
    }

    init(
        host: String, lines: Int, https: Int, tls: any TLSContextSource, proxies: TrustedProxies, dispatcher: Dispatcher,
        auth: AuthClient, epochs: Epochs,
        files: WebFiles, unsent: Int, hubs: [LoopHub], group: any EventLoopGroup, logger: Logger
    ) async throws {
        self.hubs = hubs
        let (connections, calls, mostConnections) = (connections, calls, Self.mostConnections)
        // The other half of what a connection may hold unsent is what was written and not flushed yet.
        let marks = ChannelOptions.Types.WriteBufferWaterMark(low: unsent / 8, high: unsent / 2)
        let welcomes = Dictionary(
            uniqueKeysWithValues: hubs.map {
                (ObjectIdentifier($0.loop), NIOLoopBoundBox.makeBoxSendingValue(Welcome(loop: $0.loop), eventLoop: $0.loop))
            })
        let byLoop = Dictionary(uniqueKeysWithValues: hubs.map { (ObjectIdentifier($0.loop), $0) })

        @Sendable func listener(_ prepare: @escaping @Sendable (any Channel, LoopHub, String) throws -> Void) -> ServerBootstrap {
            ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 16_384)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelOption(.writeBufferWaterMark, value: marks)
                // Otherwise the kernel holds up to 4 MiB more for each who reads slowly.
                .childChannelOption(.socketOption(.so_sndbuf), value: unsent)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard connections.add(channel, most: mostConnections),
                            let hub = byLoop[ObjectIdentifier(channel.eventLoop)],
                            let welcome = welcomes[ObjectIdentifier(channel.eventLoop)]
                        else { throw ChannelError.operationUnsupported }
                        @Sendable func open(from address: String) throws {
                            try channel.pipeline.syncOperations.addHandlers([
                                Welcome.Door(welcome.value), NIOSSLServerHandler(context: tls.now),
                            ])
                            try prepare(channel, hub, address)
                        }
                        let peer = channel.remoteAddress?.ipAddress ?? ""
                        if proxies.contains(channel.remoteAddress) {
                            try channel.pipeline.syncOperations.addHandler(
                                ProxyDoor { try open(from: $0 ?? peer) })
                        } else {
                            try open(from: peer)
                        }
                    }
                }
        }
        func bind(_ bootstrap: ServerBootstrap, _ port: Int) async throws -> any Channel {
            do {
                if host != "*" { return try await bootstrap.bind(host: host, port: port).get() }
                // Both families, where the machine has both.
                if let both = try? await bootstrap.bind(host: "::", port: port).get() { return both }
                return try await bootstrap.bind(host: "0.0.0.0", port: port).get()
            } catch {
                throw ConfigurationError("cannot listen on \(host) port \(port): \(error)")
            }
        }
        listeners = [
            try await bind(
                listener { channel, hub, address in
                    try channel.pipeline.syncOperations.addHandlers([
                        LineDecoder(), LineDoor(dispatcher: dispatcher, hub: hub, address: address),
                    ])
                }, lines),
            try await bind(
                listener { channel, hub, address in
                    let door = HTTPDoor(
                        dispatcher: dispatcher, auth: auth, epochs: epochs, files: files, calls: calls, address: address)
                    try Self.http(channel, hub, door, dispatcher)
                }, https),
        ]
    }

    private static func http(
        _ channel: any Channel, _ hub: LoopHub, _ door: HTTPDoor, _ dispatcher: Dispatcher
    ) throws {
        let outlet = Outlet()
        let bound = NIOLoopBound((outlet, door), eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: Limits.line, automaticErrorHandling: false,
            shouldUpgrade: { channel, head in
                let ours = head.uri.prefix { $0 != "?" } == "/ws" && RequestOrigin.isOurs(head)
                return channel.eventLoop.makeSucceededFuture(ours ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        WebSocketDoor(
                            dispatcher: dispatcher, hub: hub, outlet: bound.value.0, address: bound.value.1.address))
                }
            })
        try channel.pipeline.syncOperations.addHandler(outlet)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withServerUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in context.pipeline.syncOperations.removeHandler(bound.value.1, promise: nil) }
            ), withErrorHandling: false)
        try channel.pipeline.syncOperations.addHandler(door)
    }

    /// Accepts nobody else, lets what is in flight be answered, tells everyone to come back, and closes.
    func shutdown() async {
        for listener in listeners { try? await listener.close().get() }
        for hub in hubs { hub.loop.execute { hub.ending = true } }
        calls.refuse()
        let end = ContinuousClock.now + .seconds(4)
        while ContinuousClock.now < end, await !isSettled() { try? await Task.sleep(for: .milliseconds(20)) }
        for hub in hubs {
            hub.loop.execute { for client in hub.allClients { client.end(RPCError(.shuttingDown, retryAfterMs: 500)) } }
        }
        // Calls by HTTP that are open still are told too.
        connections.tell(HTTPDoor.TimeIsUp())
        let closed = ContinuousClock.now + .seconds(1)
        while ContinuousClock.now < closed, !connections.isEmpty { try? await Task.sleep(for: .milliseconds(20)) }
        connections.close()
    }

    private func isSettled() async -> Bool {
        for hub in hubs {
            let settled = try? await hub.loop.submit { hub.allClients.allSatisfy { $0.inFlight == 0 } }.get()
            if settled != true { return false }
        }
        return calls.isEmpty
    }
}

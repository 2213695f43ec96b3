import EverlineProtocol
import NIOCore
import NIOHTTP1
import NIOPosix

/// Whether the service can do its work now: each dependency's name, and whether it is there.
package typealias Readiness = @Sendable () async -> [(name: String, ready: Bool)]

/// `/metrics`, `/healthz` (the process answers) and `/readyz` (its dependencies do; also `/health`), over plain HTTP on an inner address.
package struct ObservationServer: Sendable {
    private let channel: any Channel

    package init(host: String, port: Int, prometheus: Prometheus, readiness: @escaping Readiness) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(
                        ObservationHandler(prometheus: prometheus, readiness: readiness))
                }
            }
            .bind(host: host, port: port).get()
    }

    package var port: Int { channel.localAddress?.port ?? 0 }
    package func shutdown() async { try? await channel.close().get() }
}

private final class ObservationHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let prometheus: Prometheus
    private let readiness: Readiness
    private var head: HTTPRequestHead?

    init(prometheus: Prometheus, readiness: @escaping Readiness) {
        self.prometheus = prometheus
        self.readiness = readiness
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            answer(head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let (prometheus, readiness) = (prometheus, readiness)
        Task {
            let status: HTTPResponseStatus
            let type: String
            let text: String
            switch (head.method, head.uri) {
            case (.GET, "/metrics"):
                (status, type, text) = (.ok, "text/plain; version=0.0.4; charset=utf-8", prometheus.page)
            case (.GET, "/healthz"): (status, type, text) = (.ok, "application/json", #"{"status":"ok"}"# + "\n")
            case (.GET, "/readyz"), (.GET, "/health"):
                let parts = await readiness()
                let ready = parts.allSatisfy(\.ready)
                var writer = JSONWriter()
                writer.write(
                    JSON.object(
                        [.init(key: "status", value: .string(ready ? "ok" : "unavailable"))]
                            + parts.map { .init(key: $0.name, value: .bool($0.ready)) }))
                (status, type, text) = (
                    ready ? .ok : .serviceUnavailable, "application/json", String(decoding: writer.bytes, as: UTF8.self) + "\n"
                )
            default: (status, type, text) = (.notFound, "text/plain", "not found\n")
            }
            loop.execute {
                let (handler, context) = bound.value
                handler.send(status, type, text, head, context)
            }
        }
    }

    private func send(
        _ status: HTTPResponseStatus, _ type: String, _ text: String, _ head: HTTPRequestHead, _ context: ChannelHandlerContext
    ) {
        let headers: HTTPHeaders = ["Content-Type": type, "Content-Length": "\(text.utf8.count)"]
        context.write(wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in if !head.isKeepAlive { channel.close(promise: nil) }
        }
    }
}

import EverlineService
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Where a request goes: an `http` or `https` address.
struct WebTarget: Sendable, Equatable {
    let isSecure: Bool
    let host: String
    let port: Int
    /// With its query.
    let path: String

    init(_ text: String) throws {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme),
            let host = parts.host, !host.isEmpty, parts.user == nil
        else { throw ConfigurationError("audit.webhookUrl is no http or https address") }
        isSecure = scheme == "https"
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = parts.port ?? (isSecure ? 443 : 80)
        let path = parts.percentEncodedPath
        self.path = (path.isEmpty ? "/" : path) + (parts.percentEncodedQuery.map { "?\($0)" } ?? "")
    }

    /// For messages: an address may hold a secret in its path.
    var shown: String { "\(isSecure ? "https" : "http")://\(host):\(port)" }
}

/// One HTTP/1.1 request on a connection of its own; redirections are not followed.
enum WebRequest {
    /// - Parameter ca: PEM file of the authority to trust instead of the system's.
    /// - Returns: the status of the answer, of which nothing else is kept.
    static func post(_ body: [UInt8], to target: WebTarget, headers: [(String, String)], ca: String?, patience: Duration)
        async throws -> Int
    {
        let group = MultiThreadedEventLoopGroup.singleton
        let answer = group.any().makePromise(of: Int.self)
        let context = target.isSecure ? try tls(ca) : nil
        let limit = TimeAmount(patience)
        let connecting = ClientBootstrap(group: group).connectTimeout(limit).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let context {
                    // A name for SNI must not be an address (RFC 6066 section 3).
                    let isAddress = (try? SocketAddress(ipAddress: target.host, port: 0)) != nil
                    try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : target.host))
                }
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(StatusHandler(answer))
            }
        }.connect(host: target.host, port: target.port)
        connecting.whenFailure { answer.fail($0) }
        connecting.whenSuccess { channel in
            var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target.path)
            let standard = (target.isSecure ? 443 : 80) == target.port
            let host = target.host.contains(":") ? "[\(target.host)]" : target.host
            head.headers.add(name: "Host", value: standard ? host : "\(host):\(target.port)")
            head.headers.add(name: "Content-Length", value: "\(body.count)")
            head.headers.add(name: "Connection", value: "close")
            for (name, value) in headers { head.headers.add(name: name, value: value) }
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
            channel.writeAndFlush(HTTPClientRequestPart.end(nil)).whenFailure { answer.fail($0) }
            channel.eventLoop.scheduleTask(in: limit) {
                answer.fail(GuardianError("\(target.shown) did not answer in time"))
                channel.close(promise: nil)
            }
        }
        do { return try await answer.futureResult.get() } catch let error as GuardianError { throw error } catch {
            throw GuardianError("\(target.shown) cannot be reached: \(error)")
        }
    }

    private static func tls(_ ca: String?) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let ca { configuration.trustRoots = .file(ca) }
        configuration.minimumTLSVersion = .tlsv12
        return try NIOSSLContext(configuration: configuration)
    }
}

private final class StatusHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    private let answer: EventLoopPromise<Int>

    init(_ answer: EventLoopPromise<Int>) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // The first part says all that is asked.
        if case .head(let head) = unwrapInboundIn(data), head.status.code >= 200 {
            answer.succeed(Int(head.status.code))
            context.close(promise: nil)
        }
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }
    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(GuardianError("the connection was closed without an answer"))
        context.fireChannelInactive()
    }
}

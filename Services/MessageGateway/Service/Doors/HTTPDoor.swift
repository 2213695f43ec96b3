import AuthClient
import EverlineLines
import EverlineProtocol
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// HTTPS: the page's files, and `POST /rpc`. What is not a well-formed request of these is refused and the connection ends, so that nothing can
/// hide behind it.
final class HTTPDoor: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let dispatcher: Dispatcher
    private let auth: AuthClient
    private let epochs: Epochs
    private let calls: OpenCalls
    private let files: WebFiles
    /// The client's.
    let address: String
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var refused = false
    /// What is being answered.
    private var open: Incoming?
    private var timer: Scheduled<Void>?
    /// Runs while an answer goes out: as long as some of it is taken, it may.
    private var sending: RepeatedTask?

    /// For a whole request, and for the pause before it.
    private static let patience = TimeAmount.seconds(60)

    init(
        dispatcher: Dispatcher, auth: AuthClient, epochs: Epochs, files: WebFiles, calls: OpenCalls, address: String
    ) {
        self.dispatcher = dispatcher
        self.auth = auth
        self.epochs = epochs
        self.calls = calls
        self.files = files
        self.address = address
    }

    func handlerAdded(context: ChannelHandlerContext) { restartTimer(context) }
    func handlerRemoved(context: ChannelHandlerContext) { stop() }
    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !refused else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
            if let status = Self.refusal(head) { refuse(status, context) }
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= Limits.line else {
                return respond(
                    .payloadTooLarge, "application/json",
                    ByteBuffer(bytes: Response.failure(id: .null, error: RPCError(.lineTooLong))),
                    close: true, context)
            }
            body.writeBuffer(&part)
        case .end:
            timer?.cancel()
            timer = nil
            if let head { answer(head, context) }
        }
    }

    /// The gateway stops, and has waited for answers as long as it may. NIO's own event for that ends at its handlers before us.
    struct TimeIsUp: Sendable {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is TimeIsUp, let incoming = open {
            // What became of it is not known.
            open = nil
            respond(incoming.refusal(RPCError(.deadline, retryAfterMs: 500)), context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// What follows a refused request is not read.
    func read(context: ChannelHandlerContext) { if !refused { context.read() } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // Goes on as a plain request, which is told what was wrong with it.
        case is NIOWebSocketUpgradeError: break
        case is HTTPParserError:
            if head == nil { head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/") }
            refuse(.badRequest, context)
        default: context.close(promise: nil)
        }
    }

    // MARK: Requests

    private static func refusal(_ head: HTTPRequestHead) -> HTTPResponseStatus? {
        let coding = head.headers["Transfer-Encoding"]
        if head.headers["Host"].count != 1 { return .badRequest }
        // Two ways of saying how long a body is are one too many (RFC 9112 section 6.3).
        if !coding.isEmpty, head.headers.contains(name: "Content-Length") || coding != ["chunked"] { return .badRequest }
        if head.headers["Content-Length"].count > 1 { return .badRequest }
        if let text = head.headers.first(name: "Content-Length"), let length = Int(text), length > Limits.line {
            return .payloadTooLarge
        }
        if !head.uri.hasPrefix("/") { return .badRequest }
        return nil
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = String(head.uri.prefix { $0 != "?" })
        switch (path, head.method) {
        case ("/rpc", .POST):
            guard RequestOrigin.isOurs(head) else { return refuse(.forbidden, context) }
            call(head, context)
        case ("/rpc", _):
            respond(.methodNotAllowed, "text/plain", ByteBuffer(string: "POST\n"), headers: [("Allow", "POST")], context)
        case ("/ws", _):
            guard RequestOrigin.isOurs(head) else { return refuse(.forbidden, context) }
            respond(
                .upgradeRequired, "text/plain", ByteBuffer(string: "this is a WebSocket\n"), headers: [("Upgrade", "websocket")],
                context)
        case (_, .GET) where path.hasPrefix(ExportStream.path): export(head, context)
        case (_, .GET), (_, .HEAD): file(path, head, context)
        default: respond(.methodNotAllowed, "text/plain", ByteBuffer(string: "GET\n"), headers: [("Allow", "GET, HEAD")], context)
        }
    }

    private func file(_ path: String, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard let file = files[path] else {
            return respond(.notFound, "text/plain", ByteBuffer(string: "not found\n"), context)
        }
        let packed = head.headers[canonicalForm: "Accept-Encoding"].contains { Self.takesGzip($0) } ? file.packed : nil
        // Another form has another tag (RFC 9110 section 8.8.3.3).
        let tag = packed == nil ? file.tag : "\(file.tag.dropLast())-gzip\""
        let headers = [("ETag", tag), ("Cache-Control", "no-cache"), ("Vary", "Accept-Encoding")]
        if head.headers[canonicalForm: "If-None-Match"].contains(where: { $0 == tag }) {
            return respond(.notModified, file.type, ByteBuffer(), headers: headers, context)
        }
        respond(
            .ok, file.type, packed ?? file.body, headers: headers + (packed == nil ? [] : [("Content-Encoding", "gzip")]), context
        )
    }

    /// One element of Accept-Encoding: gzip, not with a weight of nought (RFC 9110 section 12.5.3).
    private static func takesGzip(_ element: Substring) -> Bool {
        let parts = element.lowercased().split(separator: ";").map { $0.filter { $0 != " " } }
        guard let name = parts.first, name == "gzip" else { return false }
        return !parts.dropFirst().contains { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }
    }

    // MARK: Exports

    private func export(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let stream: ExportStream
        do throws(RPCError) {
            stream = try ExportStream(
                head.uri, token: Self.bearer(head), address: context.remoteAddress?.ipAddress ?? "", dispatcher, auth, epochs)
        } catch { return refuse(error, context) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        Task {
            var (after, epoch): (Int64?, String?) = (stream.after, nil)
            do {
                while let start = after {
                    let page = try await stream.page(after: start, epoch: epoch)
                    let isFirst = epoch == nil
                    (after, epoch) = (page.next, page.epoch)
                    let isLast = page.next == nil
                    try await loop.flatSubmit { () -> EventLoopFuture<Void> in
                        let (door, context) = bound.value
                        return door.send(page.text, of: stream, isFirst: isFirst, isLast: isLast, context)
                    }.get()
                }
            } catch {
                let error = error as? RPCError ?? RPCError(.unavailable)
                let hasBegun = epoch != nil
                loop.execute {
                    let (door, context) = bound.value
                    // What has begun cannot be taken back; that its end is missing tells.
                    if hasBegun { context.close(promise: nil) } else { door.refuse(error, context) }
                }
            }
        }
    }

    /// The next part of a file, done when it has gone out.
    private func send(_ text: ByteBuffer, of stream: ExportStream, isFirst: Bool, isLast: Bool, _ context: ChannelHandlerContext)
        -> EventLoopFuture<Void>
    {
        timer?.cancel()
        guard let head, context.channel.isActive else {
            return context.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        if isFirst {
            let headers = HTTPHeaders(stream.headers + Self.safetyOfAny + Self.safetyOfPages)
            context.write(wrapOutboundOut(.head(.init(version: head.version, status: .ok, headers: headers))), promise: nil)
        }
        if text.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(text))), promise: nil) }
        let written = context.eventLoop.makePromise(of: Void.self)
        if isLast {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
            self.head = nil
            if !head.isKeepAlive { refused = true }
            watch(written.futureResult, close: !head.isKeepAlive, context)
        } else {
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: written)
            watch(written.futureResult, close: false, context)
        }
        return written.futureResult
    }

    private func refuse(_ error: RPCError, _ context: ChannelHandlerContext) {
        respond(
            ExportStream.status(error), "application/json", ByteBuffer(bytes: Response.failure(id: .null, error: error)),
            headers: [("Cache-Control", "no-store")], context)
    }

    private func call(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if calls.isRefused {
            let error = RPCError(.shuttingDown, retryAfterMs: 500)
            return respond(
                .serviceUnavailable, "application/json", ByteBuffer(bytes: Response.failure(id: .null, error: error)),
                close: true,
                context)
        }
        var incoming = body.withUnsafeReadableBytes { Incoming(line: $0.assumingMemoryBound(to: UInt8.self)) }
        if let traceparent = head.headers.first(name: "traceparent") { incoming = incoming.traced(under: traceparent) }
        let token = Self.bearer(head)
        do throws(RPCError) {
            try dispatcher.admit(incoming, from: address)
        } catch {
            return respond(incoming.refusal(error), context)
        }
        let (dispatcher, auth, epochs, calls, address) = (dispatcher, auth, epochs, calls, address)
        calls.begin()
        open = incoming
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        Task {
            var user: BoundUser?
            var refusal = RPCError(.sessionRequired)
            if let token {
                do throws(RPCError) {
                    user = try await Methods.user(of: token, auth, epochs, from: address).bound
                } catch {
                    refusal = error
                }
            }
            let asking = Asking(address: address, hub: nil, user: user, refusal: refusal)
            let answer = await dispatcher.answer(incoming, asking)
            loop.execute {
                calls.end()
                let (door, context) = bound.value
                guard door.open != nil else { return }
                door.open = nil
                door.respond(answer, context)
            }
        }
    }

    /// - Parameter answer: to a `POST /rpc`; `nil` if there is nothing to answer.
    private func respond(_ answer: [UInt8]?, _ context: ChannelHandlerContext) {
        respond(
            answer == nil ? .noContent : .ok, "application/json", answer.map { ByteBuffer(bytes: $0) } ?? ByteBuffer(),
            headers: [("Cache-Control", "no-store")], context)
    }

    private static func bearer(_ head: HTTPRequestHead) -> String? {
        guard let text = head.headers.first(name: "Authorization"), text.prefix(7).lowercased() == "bearer " else { return nil }
        return String(text.dropFirst(7).drop { $0 == " " })
    }

    // MARK: Responses

    private func refuse(_ status: HTTPResponseStatus, _ context: ChannelHandlerContext) {
        respond(status, "text/plain", ByteBuffer(string: status.reasonPhrase + "\n"), close: true, context)
    }

    private func respond(
        _ status: HTTPResponseStatus, _ type: String, _ body: ByteBuffer, headers more: [(String, String)] = [],
        close: Bool = false,
        _ context: ChannelHandlerContext
    ) {
        guard let head, !refused else { return }
        let close = close || !head.isKeepAlive
        if close { refused = true }
        var headers = HTTPHeaders(more)
        if status != .noContent, status != .notModified {
            headers.add(name: "Content-Type", value: type)
            headers.add(name: "Content-Length", value: "\(body.readableBytes)")
        }
        for (name, value) in Self.needsNoPolicy(type, head) ? Self.safetyOfAny : Self.safetyOfAny + Self.safetyOfPages {
            headers.add(name: name, value: value)
        }
        if close { headers.add(name: "Connection", value: "close") }
        context.write(wrapOutboundOut(.head(.init(version: head.version, status: status, headers: headers))), promise: nil)
        if head.method != .HEAD, body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
        watch(written.futureResult, close: close, context)
        self.head = nil
    }

    /// The pause before the next request begins when this answer has gone out.
    private func watch(_ written: EventLoopFuture<Void>, close: Bool, _ context: ChannelHandlerContext) {
        let stall = StallWatch()
        let bound = NIOLoopBound((self, context, stall), eventLoop: context.eventLoop)
        let tick = TimeAmount.seconds(5)
        sending?.cancel()
        sending = context.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in
            let (_, context, stall) = bound.value
            stall.look(context.channel, for: Self.patience) { bound.value.1.close(promise: nil) }
        }
        written.whenComplete { _ in
            let (door, context, _) = bound.value
            door.sending?.cancel()
            door.sending = nil
            if close { context.closeAfterError(written) } else if context.channel.isActive { door.restartTimer(context) }
        }
    }

    private func stop() {
        timer?.cancel()
        sending?.cancel()
    }

    private static let safetyOfAny = [("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin")]

    private static let safetyOfPages = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
    ]

    /// A style or a script obeys the policy of the page that it is part of; a worker brings its own (CSP Level 3, section 4.2). Dozens of them are loaded
    /// for one page, so what says nothing is not said.
    private static func needsNoPolicy(_ type: String, _ head: HTTPRequestHead) -> Bool {
        (type.hasPrefix("text/css") || type.hasPrefix("text/javascript")) && !head.uri.hasPrefix("/service-worker.js")
    }

    private func restartTimer(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
    }
}

/// Whether a request comes from our own page, or from no page at all.
enum RequestOrigin {
    static func isOurs(_ head: HTTPRequestHead) -> Bool {
        let origins = head.headers["Origin"]
        guard let origin = origins.first else { return true }
        guard origins.count == 1, let host = head.headers.first(name: "Host") else { return false }
        return origin.lowercased() == "https://\(host.lowercased())"
    }
}

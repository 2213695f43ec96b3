import CoreMetrics
import EverlineLines
import NIOCore

/// In front of everything where a trusted proxy connects: its header says whose connection it is; then the doors are built behind it, and this goes. What does
/// not begin with a header is closed unanswered, as there is nobody who would understand an answer.
final class ProxyDoor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// For the header, which is the first thing that a proxy sends.
    private static let patience = TimeAmount.seconds(5)
    private static let refused = Counter(label: "everline_gateway_proxy_headers_refused_total")

    private let open: (String?) throws -> Void
    private var gathered = ByteBuffer()
    private var timer: Scheduled<Void>?
    private var closed = false

    /// - Parameter open: builds the rest, given the client's address, or `nil` for the proxy's own connections.
    init(_ open: @escaping (String?) throws -> Void) { self.open = open }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
        context.fireChannelActive()
    }
    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !closed else { return }
        var bytes = unwrapInboundIn(data)
        gathered.writeBuffer(&bytes)
        do {
            guard let header = try ProxyHeader.read(from: &gathered) else { return }
            try open(header.address)
        } catch {
            closed = true
            Self.refused.increment()
            return context.close(promise: nil)
        }
        timer?.cancel()
        if gathered.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(gathered))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

package import EverlineProtocol
package import NIOCore

/// Why the stream of lines cannot go on.
package enum LineError: Error, Equatable {
    /// More bytes than a line may have, and no end.
    case tooLong
    /// The rest of a line did not come in time.
    case unfinished
}

/// Cuts what arrives into lines and hands each on as a buffer of its own, without the `\n` or a `\r` before it; empty lines are left out.
///
/// Holds at most one line and one read. Past its bounds it fires `LineError` once and then drops everything: the next handler answers and
/// closes.
package final class LineDecoder: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    private let limit: Int
    private let patience: TimeAmount
    private var pending: ByteBuffer?
    /// How much of `pending` is known to hold no end of a line.
    private var searched = 0
    private var timer: Scheduled<Void>?
    private var failed = false

    /// - Parameter patience: how long a line that was begun may take.
    package init(limit: Int = Limits.line, patience: TimeAmount = .seconds(30)) {
        self.limit = limit
        self.patience = patience
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !failed else { return }
        var buffer = unwrapInboundIn(data)
        if pending == nil {
            pending = buffer
            searched = 0
        } else {
            pending?.writeBuffer(&buffer)
        }
        while !failed, let line = nextLine() {
            if line.readableBytes > limit { return fail(.tooLong, context) }
            if line.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(line)) }
        }
        guard !failed, let rest = pending else { return }
        if rest.readableBytes == 0 {
            pending = nil
            timer?.cancel()
            timer = nil
        } else if rest.readableBytes > limit, rest.readableBytes > limit + 1 || rest.readableBytesView.last != UInt8(ascii: "\r")
        {
            fail(.tooLong, context)
        } else {
            // A slice of a large read must not keep all of it alive.
            if rest.readerIndex > 0 {
                pending?.discardReadBytes()
            }
            startTimer(context)
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { stop() }
    package func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    private func nextLine() -> ByteBuffer? {
        guard let view = pending?.readableBytesView else { return nil }
        guard let end = view.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) else {
            searched = view.count
            return nil
        }
        searched = 0
        // A line was finished: the next one has its whole time.
        timer?.cancel()
        timer = nil
        guard var line = pending?.readSlice(length: end - view.startIndex) else { return nil }
        pending?.moveReaderIndex(forwardBy: 1)
        if line.readableBytesView.last == UInt8(ascii: "\r") { line.moveWriterIndex(to: line.writerIndex - 1) }
        return line
    }

    private func startTimer(_ context: ChannelHandlerContext) {
        guard timer == nil else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: patience) {
            let (decoder, context) = bound.value
            decoder.timer = nil
            if !decoder.failed { decoder.fail(.unfinished, context) }
        }
    }

    private func fail(_ error: LineError, _ context: ChannelHandlerContext) {
        failed = true
        stop()
        context.fireErrorCaught(error)
    }

    private func stop() {
        timer?.cancel()
        timer = nil
        pending = nil
    }
}

extension LineError {
    /// What the wire says of it.
    package var rpcError: RPCError {
        switch self {
        case .tooLong: RPCError(.lineTooLong)
        case .unfinished: RPCError(.lineUnfinished)
        }
    }
}

extension ChannelHandlerContext {
    /// Closes a moment after an error was sent: at once, a peer that is still sending would be reset before it has read why.
    package func closeAfterError() {
        let channel = channel
        eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
    }
}

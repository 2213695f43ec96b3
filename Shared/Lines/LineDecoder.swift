package import EverlineProtocol
private import Glibc
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
    /// When the line that is not finished was begun.
    private var begun: NIODeadline?
    /// Looks at `begun` when it may be time. Not moved with each line: an answer of several reads would cost a timer each.
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
            begun = nil
        } else if rest.readableBytes > limit, rest.readableBytes > limit + 1 || rest.readableBytesView.last != UInt8(ascii: "\r")
        {
            fail(.tooLong, context)
        } else {
            // A slice of a large read must not keep all of it alive.
            if rest.readerIndex > 0 {
                pending?.discardReadBytes()
            }
            if begun == nil {
                begun = context.eventLoop.now
                if timer == nil { startTimer(context, in: patience) }
            }
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { stop() }
    package func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    private func nextLine() -> ByteBuffer? {
        guard let length = pending?.length(before: UInt8(ascii: "\n"), from: searched) else {
            searched = pending?.readableBytes ?? 0
            return nil
        }
        searched = 0
        // A line was finished: the next one has its whole time.
        begun = nil
        guard var line = pending?.readSlice(length: length) else { return nil }
        pending?.moveReaderIndex(forwardBy: 1)
        if line.getInteger(at: line.writerIndex - 1, as: UInt8.self) == UInt8(ascii: "\r") {
            line.moveWriterIndex(to: line.writerIndex - 1)
        }
        return line
    }

    private func startTimer(_ context: ChannelHandlerContext, in time: TimeAmount) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: time) {
            let (decoder, context) = bound.value
            decoder.timer = nil
            guard !decoder.failed, let begun = decoder.begun else { return }
            let rest = begun + decoder.patience - context.eventLoop.now
            if rest > .nanoseconds(0) { decoder.startTimer(context, in: rest) } else { decoder.fail(.unfinished, context) }
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
        begun = nil
        pending = nil
    }
}

extension ByteBuffer {
    /// How many readable bytes come before the first `byte`; the first `skipped` are known not to be it. By memchr(3): an answer may be
    /// megabytes long.
    fileprivate func length(before byte: UInt8, from skipped: Int) -> Int? {
        withUnsafeReadableBytes { bytes in
            guard skipped < bytes.count, let base = bytes.baseAddress,
                let found = memchr(base + skipped, Int32(byte), bytes.count - skipped)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
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
    ///
    /// - Parameters:
    ///   - written: when what was sent last has gone to the kernel.
    ///   - patience: how long that may take; then what is left is dropped.
    package func closeAfterError(_ written: EventLoopFuture<Void>, within patience: TimeAmount = .seconds(10)) {
        let (channel, eventLoop) = (channel, eventLoop)
        let late = eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        written.whenComplete { _ in
            late.cancel()
            eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
        }
    }

    /// Sends the last that there is to say, and closes.
    package func sendAndClose(_ last: NIOAny, within patience: TimeAmount = .seconds(10)) {
        let written = eventLoop.makePromise(of: Void.self)
        writeAndFlush(last, promise: written)
        closeAfterError(written.futureResult, within: patience)
    }
}

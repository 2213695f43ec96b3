import Glibc
import NIOCore

/// Whether a peer takes anything of what waits for it. The kernel's count of what was acknowledged tells: a socket's buffer is megabytes long and counts
/// as writable again only when a third of it is free, so that what NIO could write says nothing of one who reads slowly.
///
/// Confined to the channel's loop.
final class StallWatch {
    private var taken: UInt64?
    private var since = NIODeadline.now()

    /// Something goes out anew, or nothing waits any more.
    func reset() { taken = nil }

    /// Looks once; to be called again and again while something waits.
    func look(_ channel: any Channel, for patience: TimeAmount, stalled: @escaping () -> Void) {
        guard let socket = channel as? any SocketOptionProvider else { return }
        let info: EventLoopFuture<TCPInfo> = socket.unsafeGetSocketOption(
            level: .tcp, name: NIOBSDSocket.Option(rawValue: CInt(TCP_INFO)))
        info.assumeIsolated().whenSuccess { [self] info in
            if taken != info.bytesAcknowledged {
                taken = info.bytesAcknowledged
                since = .now()
            } else if .now() - since >= patience {
                stalled()
            }
        }
    }
}

/// The first 128 bytes of `struct tcp_info` (linux/tcp.h, Linux 4.1 and later).
private struct TCPInfo: Sendable {
    private let rest:
        (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64
        )
    let bytesAcknowledged: UInt64
}

package import NIOCore

/// The header by which a proxy says from where a connection comes: PROXY protocol, version 2
/// (haproxy.org/download/2.6/doc/proxy-protocol.txt, section 2.2).
package struct ProxyHeader: Equatable, Sendable {
    /// The client's IP address, as text; `nil` if the proxy speaks for itself (its health checks) or of a connection without one.
    package let address: String?

    package enum Refusal: Error, Equatable {
        /// The stream does not begin with such a header.
        case noHeader
        case version(UInt8)
        case command(UInt8)
        /// Of neither TCP over IPv4 or IPv6, nor unspecified.
        case protocolOf(UInt8)
        case tooLong(Int)
        case tooShort(Int)
    }

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    private static let fixed = 16
    /// What follows the fixed part: addresses take at most 216, the rest are fields that we do not read.
    private static let mostBytes = 2_048

    /// Takes the header from the front of what has arrived.
    ///
    /// - Returns: `nil` if more is needed, which is known from the first wrong byte on not to be so.
    package static func read(from buffer: inout ByteBuffer) throws(Refusal) -> ProxyHeader? {
        let bytes = buffer.readableBytesView
        guard bytes.prefix(signature.count).elementsEqual(signature.prefix(bytes.count)) else { throw .noHeader }
        guard bytes.count >= fixed else { return nil }
        let start = bytes.startIndex
        let (kind, family) = (bytes[start + 12], bytes[start + 13])
        let length = Int(bytes[start + 14]) << 8 | Int(bytes[start + 15])
        guard kind >> 4 == 2 else { throw .version(kind >> 4) }
        guard kind & 0x0F <= 1 else { throw .command(kind & 0x0F) }
        guard length <= mostBytes else { throw .tooLong(length) }
        guard bytes.count >= fixed + length else { return nil }
        let body = Array(bytes[(start + fixed)..<(start + fixed + length)])
        let address = kind & 0x0F == 0 ? nil : try source(family, body)
        buffer.moveReaderIndex(forwardBy: fixed + length)
        return ProxyHeader(address: address)
    }

    private static func source(_ family: UInt8, _ body: [UInt8]) throws(Refusal) -> String? {
        let size: Int
        switch family {
        case 0x00: return nil
        // Source and destination address, then their ports.
        case 0x11: size = 4
        case 0x21: size = 16
        default: throw .protocolOf(family)
        }
        guard body.count >= 2 * size + 4 else { throw .tooShort(body.count) }
        let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: body.prefix(size)), port: 0)
        return address?.plainAddress
    }
}

extension SocketAddress {
    /// The IP address as text, an IPv4 one as such also where it arrived on a socket for both families (::ffff:192.0.2.1).
    package var plainAddress: String? {
        guard let text = ipAddress else { return nil }
        guard case .v6 = self, text.hasPrefix("::ffff:"), text.contains(".") else { return text }
        return String(text.dropFirst(7))
    }
}

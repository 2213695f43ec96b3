import EverlineLines
import Logging
import NIOCore
import Testing

/// A header as the specification has it.
private func header(_ kind: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
    let length = length ?? body.count
    return [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, kind, family, UInt8(length >> 8),
        UInt8(length & 0xFF),
    ]
        + body
}

private let ports: [UInt8] = [0xC0, 0x01, 0x1D, 0x13]
private let four: [UInt8] = [203, 0, 113, 7, 10, 0, 0, 1]
private let six: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [9] + [UInt8](repeating: 0, count: 16)

@Suite struct ProxyHeaderTests {
    @Test(
        arguments: [
            (header(0x21, 0x11, four + ports), "203.0.113.7"),
            // With fields behind the addresses, which are passed over.
            (header(0x21, 0x11, four + ports + [0x04, 0x00, 0x02, 1, 2]), "203.0.113.7"),
            (header(0x21, 0x21, six + ports), "2001:db8::9"),
            (
                header(0x21, 0x21, [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 192, 0, 2, 3] + six.prefix(16) + ports),
                "192.0.2.3"
            ),
            (header(0x20, 0x00, []), nil), (header(0x20, 0x11, four + ports), nil), (header(0x21, 0x00, [1, 2, 3]), nil),
        ] as [([UInt8], String?)])
    func isReadAtEverySplit(bytes: [UInt8], address: String?) throws {
        let rest: [UInt8] = [0x16, 0x03, 0x01]
        for split in 0...bytes.count {
            var buffer = ByteBuffer(bytes: bytes.prefix(split))
            if split < bytes.count {
                let early = try ProxyHeader.read(from: &buffer)
                #expect(early == nil && buffer.readableBytes == split)
            }
            buffer.writeBytes(bytes.dropFirst(split) + rest)
            let found = try #require(try ProxyHeader.read(from: &buffer))
            #expect(found.address == address)
            #expect(Array(buffer.readableBytesView) == rest)
        }
    }

    @Test(
        arguments: [
            (Array("GET / HTTP/1.1\r\n".utf8), .noHeader), ([0x16, 0x03, 0x01], .noHeader),
            ([0x0D, 0x0A, 0x0D, 0x0B], .noHeader),
            (Array("PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n".utf8), .noHeader), (header(0x11, 0x11, four + ports), .version(1)),
            (header(0x2F, 0x11, four + ports), .command(15)), (header(0x21, 0x12, four + ports), .protocolOf(0x12)),
            (header(0x21, 0x31, [UInt8](repeating: 0x2F, count: 216)), .protocolOf(0x31)),
            (header(0x21, 0x11, four), .tooShort(8)), (header(0x21, 0x21, four + ports), .tooShort(12)),
            (header(0x21, 0x11, [], length: 65_535), .tooLong(65_535)),
        ] as [([UInt8], ProxyHeader.Refusal)])
    func whatIsNoneIsRefused(bytes: [UInt8], refusal: ProxyHeader.Refusal) {
        var buffer = ByteBuffer(bytes: bytes)
        #expect(throws: refusal) { try ProxyHeader.read(from: &buffer) }
    }

    /// Whatever comes, it is a header, more is needed, or it is refused; what is needed is bounded, and what is taken is what the header says.
    @Test func anyBytesHaveAnOutcome() {
        var numbers = SystemRandomNumberGenerator()
        let good = [header(0x21, 0x11, four + ports), header(0x21, 0x21, six + ports), header(0x20, 0x00, [])]
        for turn in 0..<100_000 {
            var bytes = good[turn % good.count]
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                // Behind the signature, mostly: it is what decides nearly all others.
                let at = Int.random(in: turn % 8 == 0 ? 0..<bytes.count : min(12, bytes.count - 1)..<bytes.count, using: &numbers)
                bytes[at] = UInt8.random(in: 0...255, using: &numbers)
            }
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &numbers)))
            var buffer = ByteBuffer(bytes: bytes)
            do {
                if try ProxyHeader.read(from: &buffer) != nil {
                    #expect(bytes.count - buffer.readableBytes == 16 + Int(bytes[14]) << 8 + Int(bytes[15]))
                } else {
                    #expect(buffer.readableBytes == bytes.count)
                    if bytes.count >= 16 { #expect(Int(bytes[14]) << 8 + Int(bytes[15]) <= 2_048) }
                }
            } catch { #expect(buffer.readableBytes == bytes.count) }
        }
    }
}

@Suite struct TrustedProxyTests {
    private let quiet = Logger(label: "proxies") { _ in SwiftLogNoOpLogHandler() }

    @Test(arguments: [
        ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false), ("192.0.2.128/25", "192.0.2.127", false),
        ("192.0.2.128/25", "192.0.2.128", true), ("10.0.0.1", "10.0.0.1", true), ("10.0.0.1", "10.0.0.2", false),
        ("10.0.0.1", "::ffff:10.0.0.1", true), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
        ("0.0.0.0/0", "203.0.113.1", true), ("0.0.0.0/0", "::1", false), ("", "127.0.0.1", false),
        ("::1, 10.0.0.0/8", "10.9.8.7", true),
    ])
    func isWhoIsNamed(list: String, address: String, trusted: Bool) throws {
        let proxies = try #require(TrustedProxies(list, logger: quiet))
        #expect(proxies.contains(try SocketAddress(ipAddress: address, port: 1)) == trusted)
    }

    @Test(arguments: ["192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/24/8", "ed ge", "/8", "1.2.3", "::1/129", "a/8"])
    func whatIsNoneOfTheThreeIsRefused(list: String) { #expect(TrustedProxies(list, logger: quiet) == nil) }

    @Test func aNameIsLookedUp() async throws {
        let proxies = try #require(TrustedProxies("localhost", logger: quiet))
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        #expect(!proxies.contains(address))
        let running = Task { await proxies.run() }
        defer { running.cancel() }
        #expect(await eventually { proxies.contains(address) })
    }
}

import Glibc
import NIOPosix

/// Host names, by the system's own resolver.
enum Names {
    struct Unknown: Error, CustomStringConvertible {
        let description: String
    }

    /// All addresses of a name, as text, sorted. An address is its own.
    static func look(up name: String) async throws -> [String] {
        // getaddrinfo(3) waits for the network.
        try await NIOThreadPool.singleton.runIfActive { try addresses(name) }
    }

    private static func addresses(_ name: String) throws -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        guard status == 0 else { throw Unknown(description: "\(name): \(String(cString: gai_strerror(status)))") }
        defer { freeaddrinfo(list) }
        var all: Set<String> = []
        var next = list
        while let entry = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                all.insert(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            next = entry.ai_next
        }
        return all.sorted()
    }
}

import Glibc
package import Logging
package import NIOCore
import Synchronization

/// From whom a PROXY protocol header is taken: addresses, networks (`192.0.2.0/24`), and names, which are looked up again and again, as a container gets another
/// address when it is made anew.
package final class TrustedProxies: Sendable {
    private struct Network {
        let bytes: [UInt8]
        let bits: Int

        init?(_ text: Substring) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard let bytes = TrustedProxies.bytes(String(parts[0])) else { return nil }
            guard parts.count == 2 else {
                guard parts.count == 1 else { return nil }
                (self.bytes, bits) = (bytes, bytes.count * 8)
                return
            }
            guard let bits = Int(parts[1]), 0...(bytes.count * 8) ~= bits else { return nil }
            (self.bytes, self.bits) = (bytes, bits)
        }

        func contains(_ address: [UInt8]) -> Bool {
            guard address.count == bytes.count else { return false }
            let whole = bits / 8
            guard address.prefix(whole).elementsEqual(bytes.prefix(whole)) else { return false }
            let rest = bits % 8
            return rest == 0 || (address[whole] ^ bytes[whole]) >> UInt8(8 - rest) == 0
        }
    }

    private let networks: [Network]
    private let names: [String]
    private let found = Mutex<[String: Set<[UInt8]>]>([:])
    private let logger: Logger

    /// - Returns: `nil` if an entry is none of the three.
    package init?(_ list: String, logger: Logger) {
        var (networks, names): ([Network], [String]) = ([], [])
        for entry in list.split(separator: ",").map({ $0.drop { $0 == " " } }) {
            if let network = Network(entry) {
                networks.append(network)
            } else if entry.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }),
                entry.contains(where: \.isLetter)
            {
                names.append(String(entry))
            } else {
                return nil
            }
        }
        (self.networks, self.names, self.logger) = (networks, names, logger)
    }

    package func contains(_ address: SocketAddress?) -> Bool {
        guard !(networks.isEmpty && names.isEmpty), let text = address?.plainAddress, let bytes = Self.bytes(text) else {
            return false
        }
        return networks.contains { $0.contains(bytes) } || found.withLock { $0.values.contains { $0.contains(bytes) } }
    }

    /// Keeps the names' addresses until the task is cancelled. A name that is not known for a while keeps those that it had.
    package func run(every pause: Duration = .seconds(1)) async {
        while !Task.isCancelled {
            for name in names {
                guard let all = try? await Names.look(up: name), !all.isEmpty else { continue }
                let bytes = Set(all.compactMap { Self.bytes($0) })
                let isNew = found.withLock { $0.updateValue(bytes, forKey: name) != bytes }
                if isNew { logger.info("a proxy is known", metadata: ["name": "\(name)", "addresses": "\(all)"]) }
            }
            // Without names there is nothing to do; but a part that ends ends its service.
            try? await Task.sleep(for: names.isEmpty ? .seconds(3_600) : pause)
        }
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
    }
}

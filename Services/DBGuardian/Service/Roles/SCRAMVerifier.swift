import EverlineCryptography

/// A SCRAM-SHA-256 verifier as PostgreSQL keeps it (pg_authid.rolpassword; RFC 5803):
/// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
struct SCRAMVerifier {
    private let iterations: Int
    private let salt: [UInt8]
    private let storedKey: [UInt8]

    init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "SCRAM-SHA-256" else { return nil }
        let first = parts[1].split(separator: ":")
        guard first.count == 2, let iterations = Int(first[0]), 1...1_000_000 ~= iterations, let salt = Self.decode(first[1]),
            let stored = parts[2].split(separator: ":").first.flatMap(Self.decode)
        else { return nil }
        self.iterations = iterations
        self.salt = salt
        storedKey = stored
    }

    /// Whether the verifier was made of this password (RFC 5802 section 3). For ASCII passwords, which SASLprep leaves as they
    /// are.
    func matches(_ password: String) -> Bool {
        let key = HMACKey(Array(password.utf8))
        var block = key.authenticate(salt + [0, 0, 0, 1])
        var salted = block
        for _ in 1..<iterations {
            block = key.authenticate(block)
            for index in salted.indices { salted[index] ^= block[index] }
        }
        let clientKey = HMACKey(salted).authenticate(Array("Client Key".utf8))
        return constantTimeEqual(DigestAlgorithm.sha256.digest(clientKey), storedKey)
    }

    private static func decode(_ text: Substring) -> [UInt8]? {
        // PostgreSQL pads, our decoder does not.
        Base64.standard.decode(String(text.prefix { $0 != "=" }))
    }
}

/// HMAC-SHA-256 (RFC 2104).
private struct HMACKey {
    private let inner: [UInt8]
    private let outer: [UInt8]

    init(_ key: [UInt8]) {
        var block = key.count > 64 ? DigestAlgorithm.sha256.digest(key) : key
        block += [UInt8](repeating: 0, count: 64 - block.count)
        inner = block.map { $0 ^ 0x36 }
        outer = block.map { $0 ^ 0x5C }
    }

    func authenticate(_ text: [UInt8]) -> [UInt8] {
        DigestAlgorithm.sha256.digest(outer + DigestAlgorithm.sha256.digest(inner + text))
    }
}

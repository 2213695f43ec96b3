/// HMAC-SHA-256 (RFC 2104), also to derive keys from a key (RFC 5869's expand step for one block).
package enum HMAC {
    package static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var block = key.count > 64 ? DigestAlgorithm.sha256.digest(key) : key
        block += [UInt8](repeating: 0, count: 64 - block.count)
        let inner = DigestAlgorithm.sha256.digest(block.map { $0 ^ 0x36 } + message)
        return DigestAlgorithm.sha256.digest(block.map { $0 ^ 0x5C } + inner)
    }
}

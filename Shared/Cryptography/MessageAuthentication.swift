/// HMAC (RFC 2104); with SHA-256 also to derive keys from a key (RFC 5869's expand step for one block).
package enum HMAC {
    package static func sha256(key: [UInt8], _ message: [UInt8]) -> [UInt8] { code(.sha256, key: key, message) }

    package static func code(_ algorithm: DigestAlgorithm, key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var block = key.count > algorithm.blockSize ? algorithm.digest(key) : key
        block += [UInt8](repeating: 0, count: algorithm.blockSize - block.count)
        let inner = algorithm.digest(block.map { $0 ^ 0x36 } + message)
        return algorithm.digest(block.map { $0 ^ 0x5C } + inner)
    }
}

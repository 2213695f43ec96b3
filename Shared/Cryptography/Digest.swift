internal import CCrypto

/// A hash function of libcrypto.
package struct DigestAlgorithm: Sendable, Hashable {
    /// FIPS 180-4; 32 bytes.
    package static let sha256 = DigestAlgorithm("SHA256")
    /// FIPS 180-4; 64 bytes.
    package static let sha512 = DigestAlgorithm("SHA512")
    /// 20 bytes; only to do as others do (Redis names a script by it, authenticators make codes with its HMAC), never where someone could gain by a
    /// collision.
    package static let sha1 = DigestAlgorithm("SHA1")

    /// How many bytes a digest has.
    package let size: Int
    /// How many it works on at a time.
    let blockSize: Int
    // Fetched once and never freed: an EVP_MD is immutable and counted atomically, and fetching it at each use would cost more than hashing
    // a session token. That is what makes sharing the pointer between threads safe.
    nonisolated(unsafe) let method: OpaquePointer

    private init(_ name: String) {
        guard let method = EVP_MD_fetch(nil, name, nil) else { preconditionFailure("libcrypto has no \(name)") }
        self.method = method
        self.size = Int(EVP_MD_get_size(method))
        self.blockSize = Int(EVP_MD_get_block_size(method))
    }

    /// The digest of `bytes`.
    package func digest(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { output, count in
            let done = EVP_Digest(bytes.baseAddress, bytes.count, output.baseAddress, nil, method, nil)
            precondition(done == 1, "libcrypto could not hash")
            count = size
        }
    }

    package func digest(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { digest($0) } }

    /// The digest of the text's UTF-8.
    package func digest(_ text: String) -> [UInt8] {
        var text = text
        return text.withUTF8 { digest(UnsafeRawBufferPointer($0)) }
    }
}

/// A digest of what comes in pieces. Not shared between threads; not copied, because libcrypto's state is not.
package struct IncrementalDigest: ~Copyable {
    private let context: OpaquePointer
    private let algorithm: DigestAlgorithm

    package init(_ algorithm: DigestAlgorithm = .sha256) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, algorithm.method, nil) == 1 else {
            preconditionFailure("libcrypto could not begin a digest")
        }
        self.context = context
        self.algorithm = algorithm
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "libcrypto could not hash")
    }

    package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// Adds the text's UTF-8.
    package mutating func update(_ text: String) {
        var text = text
        text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
    }

    /// The digest of all that was added.
    package consuming func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: algorithm.size) { output, count in
            precondition(EVP_DigestFinal_ex(context, output.baseAddress, nil) == 1, "libcrypto could not hash")
            count = algorithm.size
        }
    }
}

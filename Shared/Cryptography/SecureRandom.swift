internal import CCrypto

/// Random bytes from libcrypto's generator, which the operating system seeds: fit for sessions, salts and keys.
package enum SecureRandom {
    /// - Throws: when the generator has no entropy; there is nothing safe to go on with.
    package static func bytes(_ count: Int) throws(CryptographyError) -> [UInt8] {
        precondition(count >= 0 && count <= Int(Int32.max))
        var done: Int32 = 1
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
            if count > 0 { done = RAND_bytes(output.baseAddress, Int32(count)) }
            initialized = done == 1 ? count : 0
        }
        guard done == 1 else { throw CryptographyError.last("random") }
        return bytes
    }
}

/// Whether two secrets are equal, in a time that depends on their length only. A different length answers false at once: the length of what
/// is compared (a digest, a token) is no secret.
package func constantTimeEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    guard one.count == other.count else { return false }
    return one.withUnsafeBytes { one in
        other.withUnsafeBytes { other in
            one.isEmpty || CRYPTO_memcmp(one.baseAddress, other.baseAddress, one.count) == 0
        }
    }
}

internal import CCrypto

/// What a scrypt hash costs (RFC 7914): 2^logN blocks of 128·r bytes, p times over.
package struct ScryptParameters: Sendable, Hashable {
    /// N as a power of two, 1–24.
    package let logN: Int
    /// Block size, 1–64.
    package let r: Int
    /// Parallelization, 1–64.
    package let p: Int

    /// OWASP's password storage sheet: N = 2^17, r = 8, p = 1; 128 MiB and some 0.3 s of one core.
    package static let owasp = ScryptParameters(logN: 17, r: 8, p: 1)!

    /// How much memory one hash may take. Greater costs are refused, also when a stored hash asks for them.
    package static let maximumMemory = 1 << 30

    /// Bytes that a hash needs while it is computed.
    package var memory: Int { 128 * r * ((1 << logN) + p + 2) }

    /// - Returns: nil outside the ranges above, or over `maximumMemory` (not counting the few blocks beside N).
    package init?(logN: Int, r: Int, p: Int) {
        guard 1...24 ~= logN, 1...64 ~= r, 1...64 ~= p, (128 * r) << logN <= Self.maximumMemory else { return nil }
        self.logN = logN
        self.r = r
        self.p = p
    }
}

package enum Scrypt {
    /// Derives a key (RFC 7914 section 6). **Blocks its thread** for as long as the parameters ask, and takes `parameters.memory` bytes: call it
    /// on a bounded pool of threads, never on an event loop or in an async function.
    package static func derive(
        _ password: [UInt8], salt: [UInt8], parameters: ScryptParameters, count: Int
    ) throws(CryptographyError) -> [UInt8] {
        precondition(count > 0)
        var done: Int32 = 0
        let key = password.withUnsafeBytes { password in
            [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
                done = EVP_PBE_scrypt(
                    password.baseAddress?.assumingMemoryBound(to: CChar.self), password.count, salt, salt.count,
                    UInt64(1) << UInt64(parameters.logN), UInt64(parameters.r), UInt64(parameters.p),
                    // Without it libcrypto stops at 32 MiB.
                    UInt64(parameters.memory), output.baseAddress, count)
                initialized = done == 1 ? count : 0
            }
        }
        guard done == 1 else { throw CryptographyError.last("scrypt") }
        return key
    }
}

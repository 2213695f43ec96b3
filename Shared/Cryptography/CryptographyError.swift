internal import CCrypto

/// An operation of libcrypto that failed: out of memory, parameters that it refuses, no randomness. Never a wrong password or a digest that
/// differs; those are answers, not errors.
package struct CryptographyError: Error, Sendable, CustomStringConvertible {
    /// The operation, as in `scrypt`.
    package let operation: String
    /// libcrypto's own words, or why we did not ask it.
    package let reason: String

    package var description: String { "\(operation): \(reason)" }

    init(_ operation: String, _ reason: String) {
        self.operation = operation
        self.reason = reason
    }

    /// Takes what this thread's error queue says and empties it, so that a later failure does not tell of this one.
    static func last(_ operation: String) -> CryptographyError {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return CryptographyError(operation, "libcrypto failed without a reason") }
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            ERR_error_string_n(code, buffer.baseAddress, buffer.count)
            return String(cString: buffer.baseAddress!)
        }
        return CryptographyError(operation, text)
    }
}

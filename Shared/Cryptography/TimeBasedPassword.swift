/// One-time passwords by time: TOTP (RFC 6238) over HOTP's truncation (RFC 4226 section 5.3).
package struct TimeBasedPassword: Sendable {
    /// What every authenticator takes: SHA-1, six digits, 30 seconds.
    package static let usual = TimeBasedPassword(.sha1, digits: 6)
    package static let period: Int64 = 30

    private let algorithm: DigestAlgorithm
    private let digits: Int

    package init(_ algorithm: DigestAlgorithm, digits: Int) {
        precondition(6...8 ~= digits)
        self.algorithm = algorithm
        self.digits = digits
    }

    /// The time step of a moment, in seconds since 1970.
    package static func step(_ seconds: Int64) -> Int64 { seconds / period }

    package func code(_ secret: [UInt8], step: Int64) -> String {
        let mac = HMAC.code(algorithm, key: secret, withUnsafeBytes(of: step.bigEndian) { Array($0) })
        let offset = Int(mac[mac.count - 1] & 0xF)
        var number = mac[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        var text = [UInt8](repeating: 0, count: digits)
        for index in text.indices.reversed() {
            text[index] = UInt8(ascii: "0") + UInt8(number % 10)
            number /= 10
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The step of which it is the code: the present one, the one before, whose code may still be on its way, or the next, for clocks that go before.
    package func step(of code: String, _ secret: [UInt8], at seconds: Int64) -> Int64? {
        let now = Self.step(seconds)
        var found: Int64?
        // All three are looked at, so that the time taken tells nothing.
        for step in now - 1...now + 1
        where constantTimeEqual(Array(self.code(secret, step: step).utf8), Array(code.utf8)) { found = step }
        return found
    }
}

/// A password as it is stored: `$scrypt$ln=17,r=8,p=1$SALT$KEY`, a PHC string (standard Base 64 without padding), 16 bytes of salt and 32 of
/// key when made here. A password is its UTF-8 as it came: whoever wants it normalized does that before.
package struct PasswordHash: Sendable, Hashable, CustomStringConvertible {
    package let parameters: ScryptParameters
    package let salt: [UInt8]
    package let key: [UInt8]

    /// Hashes `password` under a new salt. **Blocks its thread** (see `Scrypt.derive`).
    package init(hashing password: String, parameters: ScryptParameters = .owasp) throws(CryptographyError) {
        self.parameters = parameters
        self.salt = try SecureRandom.bytes(16)
        self.key = try Scrypt.derive(Array(password.utf8), salt: salt, parameters: parameters, count: 32)
    }

    /// The hash of no password, for a name nobody has: checking against it costs the same as a real one and fails. Cheap to make.
    package static func decoy(parameters: ScryptParameters = .owasp) throws(CryptographyError) -> PasswordHash {
        PasswordHash(parameters: parameters, salt: try SecureRandom.bytes(16), key: try SecureRandom.bytes(32))
    }

    private init(parameters: ScryptParameters, salt: [UInt8], key: [UInt8]) {
        self.parameters = parameters
        self.salt = salt
        self.key = key
    }

    /// Reads a stored hash.
    /// - Returns: nil for another scheme, costs beyond `ScryptParameters`' ranges, a salt outside 8–64 or a key outside 16–64 bytes.
    package init?(_ text: String) {
        let fields = text.split(separator: "$", omittingEmptySubsequences: false)
        guard fields.count == 5, fields[0].isEmpty, fields[1] == "scrypt",
            let parameters = Self.parameters(fields[2]),
            let salt = Base64.standard.decode(String(fields[3])), 8...64 ~= salt.count,
            let key = Base64.standard.decode(String(fields[4])), 16...64 ~= key.count
        else { return nil }
        self.init(parameters: parameters, salt: salt, key: key)
    }

    private static func parameters(_ field: Substring) -> ScryptParameters? {
        let pairs = field.split(separator: ",", omittingEmptySubsequences: false)
        let names = ["ln=", "r=", "p="]
        guard pairs.count == names.count else { return nil }
        var numbers: [Int] = []
        for (pair, name) in zip(pairs, names) {
            let digits = pair.dropFirst(name.count)
            guard pair.hasPrefix(name), digits.utf8.count <= 3, digits.allSatisfy({ "0"..."9" ~= $0 }),
                let number = UInt16(digits)
            else { return nil }
            numbers.append(Int(number))
        }
        return ScryptParameters(logN: numbers[0], r: numbers[1], p: numbers[2])
    }

    package var description: String {
        "$scrypt$ln=\(parameters.logN),r=\(parameters.r),p=\(parameters.p)"
            + "$\(Base64.standard.encode(salt))$\(Base64.standard.encode(key))"
    }

    /// Whether `password` is the one. **Blocks its thread** (see `Scrypt.derive`); the comparison takes the same time for any key.
    package func verify(_ password: String) throws(CryptographyError) -> Bool {
        let candidate = try Scrypt.derive(Array(password.utf8), salt: salt, parameters: parameters, count: key.count)
        return constantTimeEqual(candidate, key)
    }

    /// Whether it should be made anew at the next login, because what we ask of a hash has changed.
    package func needsUpgrade(to wanted: ScryptParameters = .owasp) -> Bool { parameters != wanted }
}

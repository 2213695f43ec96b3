import EverlineCryptography
import Foundation

/// Encrypts the secrets of second factors with a key that is kept apart from the database: who has the database, or a backup of it, has no codes.
struct SecretBox: Sendable {
    private let key: [UInt8]

    /// - Parameter file: 64 hexadecimal digits.
    init(file: String) throws {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw SecretBoxError(file: file, problem: "cannot be read")
        }
        guard let key = Hex.decode(text.trimmingCharacters(in: .whitespacesAndNewlines)), key.count == AuthenticatedCipher.keySize
        else { throw SecretBoxError(file: file, problem: "does not hold 64 hexadecimal digits") }
        self.key = key
    }

    /// Nonce, text and tag; good for this user alone.
    func seal(_ secret: [UInt8], of user: Int64) throws -> [UInt8] {
        var cipher = AuthenticatedCipher(key: key)
        let nonce = try SecureRandom.bytes(AuthenticatedCipher.nonceSize)
        let associated = Self.associated(user)
        var text = secret
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: text)
        let tag = try cipher.seal(buffer, nonce: nonce, associated: associated)
        text = Array(buffer)
        return nonce + text + tag
    }

    /// `nil` if it was sealed with another key, for another user, or is damaged.
    func open(_ sealed: [UInt8], of user: Int64) throws -> [UInt8]? {
        let (nonceSize, tagSize) = (AuthenticatedCipher.nonceSize, AuthenticatedCipher.tagSize)
        guard sealed.count > nonceSize + tagSize else { return nil }
        var cipher = AuthenticatedCipher(key: key)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: sealed.count - nonceSize - tagSize, alignment: 1)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: sealed[nonceSize..<sealed.count - tagSize])
        let isGenuine = try cipher.open(
            buffer, tag: Array(sealed.suffix(tagSize)), nonce: Array(sealed.prefix(nonceSize)), associated: Self.associated(user))
        return isGenuine ? Array(buffer) : nil
    }

    private static func associated(_ user: Int64) -> [UInt8] { Array("everline second factor \(user)".utf8) }
}

struct SecretBoxError: Error, CustomStringConvertible {
    let file: String
    let problem: String
    var description: String {
        "the key of second factors, \(file), \(problem)\nHINT: openssl rand -hex 32 makes another, with which every second factor is to be set up anew"
    }
}

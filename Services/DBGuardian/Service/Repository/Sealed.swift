import EverlineCryptography
import Foundation

/// A small JSON document that notices its own damage: `{"check":"HEX","key":"HEX","body":…}`, the check being over the body's
/// bytes: HMAC-SHA-256
/// with the repository's key, or SHA-256 where there is none. The body is readable without the key.
package enum Sealed<Body: Codable> {
    package static func bytes(_ body: Body, key: RepositoryKey?) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = Array(try encoder.encode(body))
        let check = key.map { HMAC.sha256(key: $0.bytes, json) } ?? DigestAlgorithm.sha256.digest(json)
        return Array("{\"check\":\"\(Hex.encode(check))\",\"key\":\"\(Hex.encode(key?.id ?? []))\",\"body\":".utf8) + json
            + Array("}\n".utf8)
    }

    package static func read(_ bytes: [UInt8], name: String, keys: KeyRing?) throws -> Body {
        let damaged = DamageError(name, "it does not agree with its check value")
        let head = Array("{\"check\":\"".utf8)
        let middle = Array("\",\"key\":\"".utf8)
        let keyLength = keys == nil ? 0 : 16
        let last = Array("\",\"body\":".utf8)
        let start = head.count + 64 + middle.count + keyLength + last.count
        guard bytes.count > start + 2, bytes.starts(with: head), bytes.suffix(2) == [UInt8(ascii: "}"), UInt8(ascii: "\n")],
            Array(bytes[(head.count + 64)...].prefix(middle.count)) == middle,
            Array(bytes[(start - last.count)..<start]) == last,
            let check = Hex.decode(String(decoding: bytes[head.count..<head.count + 64], as: UTF8.self))
        else { throw damaged }
        // Hexadecimal digits are read in either case, and written in one: the other is not what was written.
        guard Array(Hex.encode(check).utf8) == Array(bytes[head.count..<head.count + 64]) else { throw damaged }
        let json = Array(bytes[start..<bytes.count - 2])
        if let keys {
            let text = String(decoding: bytes[(head.count + 64 + middle.count)...].prefix(16), as: UTF8.self)
            guard let id = Hex.decode(text), Hex.encode(id) == text else { throw damaged }
            guard let key = keys.key(id) else {
                throw KeyError(
                    "\(name) is sealed with key \(text), which is not in \(keys.file)",
                    hint: "set repository.keyFile to the right key file")
            }
            guard constantTimeEqual(HMAC.sha256(key: key.bytes, json), check) else { throw damaged }
        } else {
            guard DigestAlgorithm.sha256.digest(json) == check else { throw damaged }
        }
        do { return try JSONDecoder().decode(Body.self, from: Data(json)) } catch {
            throw DamageError(name, "its fields are not as expected (\(error))")
        }
    }
}

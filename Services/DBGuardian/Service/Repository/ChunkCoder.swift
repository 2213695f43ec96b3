import EverlineCryptography
import Foundation

/// Turns plain chunks into stored ones and back. A stored chunk is a frame of four bytes (its length without the tag, big
/// endian; the highest bit
/// marks the last one), the bytes, and a tag of sixteen. The nonce is the chunk's number, so chunks cannot change places, go
/// missing or be added.
struct ChunkCoder: Sendable {
    let compression: Compression
    /// The file's own key; nil without encryption, when the tag is a digest and only tells damage.
    let key: [UInt8]?
    /// What a digest is over, so that it is the header's and the name's too.
    let binding: [UInt8]

    init(_ header: EncodedHeader, key: [UInt8]?, name: String) {
        compression = header.compression
        self.key = key.map { header.fileKey($0, name: name) }
        binding = header.fileKey([], name: name)
    }

    func encode(_ plain: UnsafeRawBufferPointer, number: Int, last: Bool) throws -> [UInt8] {
        var stored = try compression.pack(plain, room: (before: 4, behind: 16))
        let length = UInt32(stored.count - 4)
        let frame = withUnsafeBytes(of: (last ? length | 1 << 31 : length).bigEndian) { Array($0) }
        stored.replaceSubrange(0..<4, with: frame)
        let tag: [UInt8]
        if let key {
            var cipher = AuthenticatedCipher(key: key)
            tag = try stored.withUnsafeMutableBytes {
                try cipher.seal(UnsafeMutableRawBufferPointer(rebasing: $0[4...]), nonce: Self.nonce(number), associated: frame)
            }
        } else {
            tag = digest(stored, number)
        }
        return stored + tag
    }

    /// - Parameter stored: frame, bytes and tag.
    /// - Returns: nil if the chunk is not what was written there.
    func decode(_ stored: [UInt8], number: Int) throws -> [UInt8]? {
        var body = Array(stored[4..<stored.count - 16])
        let tag = Array(stored[(stored.count - 16)...])
        if let key {
            var cipher = AuthenticatedCipher(key: key)
            let genuine = try body.withUnsafeMutableBytes {
                try cipher.open($0, tag: tag, nonce: Self.nonce(number), associated: Array(stored[..<4]))
            }
            guard genuine else { return nil }
        } else {
            guard digest(Array(stored[..<(stored.count - 16)]), number) == tag else { return nil }
        }
        return compression.unpack(body, limit: EncodedHeader.chunkSize)
    }

    private static func nonce(_ number: Int) -> [UInt8] {
        [0, 0, 0, 0] + withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
    }

    private func digest(_ stored: [UInt8], _ number: Int) -> [UInt8] {
        var digest = IncrementalDigest()
        digest.update(binding)
        digest.update(Self.nonce(number))
        digest.update(stored)
        return Array(digest.finalize()[..<16])
    }
}

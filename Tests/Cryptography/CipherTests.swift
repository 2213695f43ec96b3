import EverlineCryptography
import Testing

@Suite("AES-256-GCM and HMAC") struct CipherTests {
    /// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 16.
    static let vectors: [(key: String, nonce: String, associated: String, text: String, sealed: String, tag: String)] = [
        (String(repeating: "0", count: 64), "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
        (
            String(repeating: "0", count: 64), "000000000000000000000000", "", "00000000000000000000000000000000",
            "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"
        ),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
            "b094dac5d93471bdec1a502270e3cc6c"
        ),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
    ]

    @Test("the published vectors, sealed and opened", arguments: vectors.indices)
    func vector(_ index: Int) throws {
        let vector = Self.vectors[index]
        let nonce = try #require(Hex.decode(vector.nonce)), associated = try #require(Hex.decode(vector.associated))
        var cipher = AuthenticatedCipher(key: try #require(Hex.decode(vector.key)))
        var text = try #require(Hex.decode(vector.text))
        let tag = try text.withUnsafeMutableBytes { try cipher.seal($0, nonce: nonce, associated: associated) }
        #expect(Hex.encode(text) == vector.sealed)
        #expect(Hex.encode(tag) == vector.tag)
        let genuine = try text.withUnsafeMutableBytes { try cipher.open($0, tag: tag, nonce: nonce, associated: associated) }
        #expect(genuine)
        #expect(Hex.encode(text) == vector.text)
    }

    @Test("any flipped bit of text, tag, nonce or associated data is noticed")
    func flipped() throws {
        let key = try SecureRandom.bytes(32), nonce = try SecureRandom.bytes(12)
        var cipher = AuthenticatedCipher(key: key)
        var sealed = Array("床前明月光".utf8)
        let tag = try sealed.withUnsafeMutableBytes { try cipher.seal($0, nonce: nonce, associated: [1, 2]) }
        for bit in 0..<sealed.count * 8 {
            var other = sealed
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            let genuine = try other.withUnsafeMutableBytes { try cipher.open($0, tag: tag, nonce: nonce, associated: [1, 2]) }
            #expect(!genuine)
        }
        for bit in 0..<128 {
            var other = sealed, wrong = tag
            wrong[bit / 8] ^= 1 << UInt8(bit % 8)
            let genuine = try other.withUnsafeMutableBytes { try cipher.open($0, tag: wrong, nonce: nonce, associated: [1, 2]) }
            #expect(!genuine)
        }
        for (wrongNonce, associated) in [(nonce.map { $0 ^ 1 }, [1, 2]), (nonce, [1, 3])] as [([UInt8], [UInt8])] {
            var other = sealed
            let genuine = try other.withUnsafeMutableBytes {
                try cipher.open($0, tag: tag, nonce: wrongNonce, associated: associated)
            }
            #expect(!genuine)
        }
    }

    @Test("HMAC-SHA-256, RFC 4231 test cases 1, 2 and 6")
    func hmac() {
        let one = HMAC.sha256(key: [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8))
        #expect(Hex.encode(one) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let two = HMAC.sha256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        #expect(Hex.encode(two) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let six = HMAC.sha256(
            key: [UInt8](repeating: 0xAA, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8))
        #expect(Hex.encode(six) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }
}

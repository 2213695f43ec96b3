import EverlineCryptography
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4's examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func `SHA-256 gives the standard's digests`(_ text: String, _ digest: String) {
        #expect(Hex.encode(DigestAlgorithm.sha256.digest(text)) == digest)
        #expect(Hex.encode(DigestAlgorithm.sha256.digest(Array(text.utf8))) == digest)
    }

    @Test func `SHA-1 gives the standard's digest`() {
        #expect(Hex.encode(DigestAlgorithm.sha1.digest("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    }

    @Test func `A digest in pieces equals the digest of the whole, wherever it is cut`() {
        let text = Array(String(repeating: "白日依山盡,", count: 9).utf8)
        let whole = DigestAlgorithm.sha256.digest(text)
        for cut in 0...text.count {
            var digest = IncrementalDigest()
            digest.update(Array(text[..<cut]))
            digest.update(Array(text[cut...]))
            #expect(digest.finalize() == whole)
        }
    }
}

@Suite struct EncodingTests {
    @Test(arguments: [
        ("", "", ""), ("f", "Zg", "66"), ("fo", "Zm8", "666f"), ("foo", "Zm9v", "666f6f"), ("foob", "Zm9vYg", "666f6f62"),
        ("fooba", "Zm9vYmE", "666f6f6261"), ("foobar", "Zm9vYmFy", "666f6f626172"),
    ])
    func `RFC 4648's examples, without padding`(_ plain: String, _ base64: String, _ hex: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.url.encode(bytes) == base64 && Base64.standard.encode(bytes) == base64)
        #expect(Base64.url.decode(base64) == bytes && Base64.standard.decode(base64) == bytes)
        #expect(Hex.encode(bytes) == hex && Hex.decode(hex) == bytes && Hex.decode(hex.uppercased()) == bytes)
    }

    @Test func `The two alphabets differ in their last two letters`() {
        #expect(Base64.url.encode([0xFB, 0xFF]) == "-_8" && Base64.standard.encode([0xFB, 0xFF]) == "+/8")
        #expect(Base64.url.decode("+/8") == nil && Base64.standard.decode("-_8") == nil)
    }

    @Test(arguments: ["A", "AAAAA", "Zg==", "Zh", "Zm9", "Z g", "é", "Zg\n"])
    func `Base 64 that is not the canonical text of bytes is refused`(_ text: String) {
        #expect(Base64.url.decode(text) == nil)
    }

    @Test(arguments: ["0", "0g", "0x", "é0", " 0"]) func `Hex that is none is refused`(_ text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func `Random bytes survive both encodings`() throws {
        for count in 0..<100 {
            let bytes = try SecureRandom.bytes(count)
            #expect(bytes.count == count)
            #expect(Base64.url.decode(Base64.url.encode(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
        #expect(try SecureRandom.bytes(32) != SecureRandom.bytes(32))
    }

    @Test func `Equality in constant time is equality`() {
        #expect(constantTimeEqual([], []) && constantTimeEqual([1, 2], [1, 2]))
        #expect(!constantTimeEqual([1, 2], [1, 3]) && !constantTimeEqual([1], [1, 2]))
    }
}

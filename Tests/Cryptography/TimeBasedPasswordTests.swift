import EverlineCryptography
import Testing

/// RFC 6238, appendix B: the secret repeated to the length of each hash.
struct TimeBasedPasswordTests {
    private static func secret(_ length: Int) -> [UInt8] { Array(String(repeating: "1234567890", count: 7).utf8.prefix(length)) }

    @Test(arguments: [
        (59, "94287082", "46119246", "90693936"), (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"), (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"), (20_000_000_000, "65353130", "77737706", "47863826"),
    ])
    func theVectorsOfTheRFC(time: Int64, sha1: String, sha256: String, sha512: String) {
        let step = TimeBasedPassword.step(time)
        #expect(TimeBasedPassword(.sha1, digits: 8).code(Self.secret(20), step: step) == sha1)
        #expect(TimeBasedPassword(.sha256, digits: 8).code(Self.secret(32), step: step) == sha256)
        #expect(TimeBasedPassword(.sha512, digits: 8).code(Self.secret(64), step: step) == sha512)
        #expect(TimeBasedPassword.usual.code(Self.secret(20), step: step) == String(sha1.suffix(6)))
    }

    @Test func aCodeIsGoodForItsStepAndItsNeighbours() {
        let (secret, now) = (Self.secret(20), Int64(1_234_567_890))
        let step = TimeBasedPassword.step(now)
        for distance: Int64 in -1...1 {
            let code = TimeBasedPassword.usual.code(secret, step: step + distance)
            #expect(TimeBasedPassword.usual.step(of: code, secret, at: now) == step + distance)
        }
        for distance: Int64 in [-2, 2, 100] {
            let code = TimeBasedPassword.usual.code(secret, step: step + distance)
            #expect(TimeBasedPassword.usual.step(of: code, secret, at: now) == nil)
        }
        for wrong in ["", "0", "00000a", "1234567"] { #expect(TimeBasedPassword.usual.step(of: wrong, secret, at: now) == nil) }
    }

    /// RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ])
    func base32(text: String, encoded: String) { #expect(Base32.encode(Array(text.utf8)) == encoded) }

    /// RFC 2202, test case 6, and RFC 4231, test case 6: a key longer than a block.
    @Test func authenticationCodesOfLongKeys() {
        let text = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        #expect(
            Hex.encode(HMAC.code(.sha1, key: [UInt8](repeating: 0xAA, count: 80), text))
                == "aa4ae5e15272d00e95705637ce8a3b55ed402112")
        #expect(
            Hex.encode(HMAC.code(.sha512, key: [UInt8](repeating: 0xAA, count: 131), text))
                == "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
        )
    }
}

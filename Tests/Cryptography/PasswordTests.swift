import EverlineCryptography
import Testing

@Suite struct PasswordTests {
    /// RFC 7914 section 12, but for the one that takes a gibibyte.
    @Test(arguments: [
        (
            "", "", 4, 1, 1,
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
        ),
        (
            "password", "NaCl", 10, 8, 16,
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        ),
        (
            "pleaseletmein", "SodiumChloride", 14, 8, 1,
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        ),
    ])
    func `scrypt gives RFC 7914's keys`(_ password: String, _ salt: String, _ logN: Int, _ r: Int, _ p: Int, _ key: String) throws
    {
        let parameters = try #require(ScryptParameters(logN: logN, r: r, p: p))
        #expect(
            Hex.encode(try Scrypt.derive(Array(password.utf8), salt: Array(salt.utf8), parameters: parameters, count: 64)) == key)
    }

    @Test func `A password is known again from its text, with OWASP's costs`() throws {
        let stored = try PasswordHash(hashing: "黃河入海流\u{0} 🐉").description
        #expect(stored.hasPrefix("$scrypt$ln=17,r=8,p=1$"))
        let hash = try #require(PasswordHash(stored))
        #expect(hash.description == stored && !hash.needsUpgrade())
        #expect(try hash.verify("黃河入海流\u{0} 🐉"))
        #expect(try !hash.verify("黃河入海流"))
    }

    @Test func `Two hashes of one password differ`() throws {
        let cheap = try #require(ScryptParameters(logN: 4, r: 1, p: 1))
        let one = try PasswordHash(hashing: "same", parameters: cheap)
        #expect(one != (try PasswordHash(hashing: "same", parameters: cheap)))
        #expect(one.needsUpgrade())
    }

    @Test(arguments: [
        "", "$", "plain", "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHQ", "$argon2id$ln=17,r=8,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
        "$scrypt$ln=0,r=8,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
        "$scrypt$ln=24,r=64,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
        "$scrypt$ln=+4,r=8,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
        "$scrypt$r=8,ln=17,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5",
        "$scrypt$ln=17,r=8,p=1$$a2V5a2V5a2V5a2V5a2V5a2V5", "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHQ$",
        "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHQ=$a2V5a2V5a2V5a2V5a2V5a2V5",
    ])
    func `A stored text that is no hash of ours is refused, also when it asks for too much`(_ text: String) {
        #expect(PasswordHash(text) == nil)
    }
}

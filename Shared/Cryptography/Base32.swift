/// Base 32, RFC 4648 section 6, written without padding: as authenticators take secrets, and as people copy codes.
package enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var held: UInt32 = 0
        for byte in bytes {
            bits = (bits << 8 | UInt32(byte)) & 0xFFFF
            held += 8
            while held >= 5 {
                held -= 5
                text.append(alphabet[Int(bits >> held & 31)])
            }
        }
        if held > 0 { text.append(alphabet[Int(bits << (5 - held) & 31)]) }
        return String(decoding: text, as: UTF8.self)
    }
}

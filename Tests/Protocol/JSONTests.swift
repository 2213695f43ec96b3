import EverlineProtocol
import Testing

struct JSONTests {
    @Test(arguments: [
        "null", "true", "[]", "{}", "0", "-1", "9223372036854775807", "-9223372036854775808", #""静夜思\n床前明月光""#,
        #"{"a":[1,{"b":"\"\\"}],"c":false}"#,
    ])
    func whatIsReadIsWrittenAgain(text: String) throws {
        var writer = JSONWriter()
        writer.write(try JSONParser.parse(Array(text.utf8)))
        #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
    }

    private struct Item: WireObject {
        let text: String

        init(_ text: String) { self.text = text }
        init(from fields: inout Fields) throws(RPCError) { text = try fields.string("text") }
        func encode(to object: inout ObjectWriter) { object.field("text", text) }
    }

    @Test func aListOfObjectsIsWrittenIntoOneBuffer() {
        func place(_ writer: JSONWriter) -> UnsafePointer<UInt8>? { writer.bytes.withUnsafeBufferPointer { $0.baseAddress } }
        var writer = JSONWriter(reserving: 65_536)
        writer.raw("[")
        let before = place(writer)
        for _ in 0..<3 { writer.object { $0.field("items", (0..<100).map { Item("第 \($0) 句") }) } }
        // Were it copied at the end of an object, a long list would cost the square of its length.
        #expect(place(writer) == before)
    }

    @Test(arguments: [
        ("", JSONError.Reason.endOfInput), ("{", .endOfInput), ("\"a", .endOfInput), ("01", .invalidNumber),
        ("1.", .invalidNumber),
        ("-", .invalidNumber), ("tru", .endOfInput), ("1 2", .trailingBytes), ("\"\u{1}\"", .controlCharacter),
        (#""\x""#, .invalidEscape),
        (#""\udc00""#, .loneSurrogate), (#""\ud800\u0041""#, .loneSurrogate), (#"{"a":1,"a":1}"#, .duplicateKey),
        (#"{"a":1,"\u0061":1}"#, .duplicateKey), (String(repeating: #"{"a":"#, count: 10_000), .tooDeep),
        ("\u{FEFF}1", .unexpectedByte),
    ])
    func whatIsNotJSONIsRefusedWithItsReason(text: String, reason: JSONError.Reason) {
        let error = #expect(throws: JSONError.self) { try JSONParser.parse(Array(text.utf8)) }
        #expect(error?.reason == reason)
    }

    @Test(
        arguments: [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE5, 0x8A, 0x22]]
            as [[UInt8]])
    func invalidUTF8IsRefused(bytes: [UInt8]) {
        let error = #expect(throws: JSONError.self) { try JSONParser.parse(bytes) }
        #expect(error?.reason == .invalidUTF8)
    }

    @Test func aSurrogatePairIsOneCharacter() throws {
        #expect(try JSONParser.parse(Array(#""\ud83d\ude00""#.utf8)) == .string("😀"))
    }

    @Test func aNumberBeyond64BitsIsNoInteger() throws {
        #expect(try JSONParser.parse(Array("9223372036854775808".utf8)) == .double(9_223_372_036_854_775_808))
        #expect(throws: RPCError.self) {
            var fields = try Fields(.object([.init(key: "seq", value: .double(9e18))]), strict: true)
            _ = try fields.int("seq")
        }
    }

    @Test(arguments: [
        "2026-01-31T08:09:10.123Z", "1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "2000-02-29T12:00:00.001Z",
    ])
    func aTimeIsReadAndWrittenAlike(text: String) {
        #expect(Timestamp(text)?.description == text)
    }

    @Test func aTimeMayHaveAnOffset() {
        #expect(Timestamp("2026-01-31T16:09:10+08:00")?.description == "2026-01-31T08:09:10.000Z")
        #expect(Timestamp("2026-02-30T00:00:00Z") == nil)
    }

    @Test func aUUIDIsReadInEitherCase() {
        #expect(WireUUID("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6")?.description == "f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
        #expect(WireUUID("f81d4fae7dec11d0a76500a0c91e6bf6xxxx") == nil)
        #expect(WireUUID() != WireUUID())
    }

    @Test func everyErrorHasItsOwnNumberAndName() {
        #expect(Set(ErrorCode.all.map(\.number)).count == ErrorCode.all.count)
        #expect(Set(ErrorCode.all.map(\.name)).count == ErrorCode.all.count)
    }
}

/// Strings as RFC 8259 section 7 has them, byte after byte: what the writer's eight at a time must come to.
struct EscapeTests {
    static func plainly(_ text: [UInt8]) -> [UInt8] {
        var bytes = [UInt8(ascii: "\"")]
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x0A: bytes += Array("\\n".utf8)
            case 0x0D: bytes += Array("\\r".utf8)
            case 0x09: bytes += Array("\\t".utf8)
            case 0..<0x20:
                let hex = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        return bytes + [UInt8(ascii: "\"")]
    }

    @Test func everyByteAtEveryPlace() {
        for byte in 0..<UInt8(0x80) {
            for place in 0..<20 {
                for neighbour in [UInt8(ascii: "x"), byte, 0x1F, 0x20, 0x21, 0x23, 0x5B, 0x5D, 0x7F] {
                    var text = [UInt8](repeating: UInt8(ascii: "x"), count: 20)
                    text[place] = byte
                    if place + 1 < 20 { text[place + 1] = neighbour }
                    var writer = JSONWriter()
                    writer.write(String(decoding: text, as: UTF8.self))
                    #expect(writer.bytes == Self.plainly(text), "\(byte) at \(place) before \(neighbour)")
                }
            }
        }
    }

    @Test func textsOfAllKindsAtAnyAlignment() {
        var generator = SystemRandomNumberGenerator()
        let pieces = ["明月", "😀", "\u{2028}", "\"", "\\", "\u{1}", "\n", "é", "abcdefgh", "\u{7F}", " "]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...60)).map { _ in pieces.randomElement(using: &generator)! }.joined()
            let bytes = Array(text.utf8)
            for offset in 0..<min(8, bytes.count + 1) {
                // A part may begin in the middle of a character: to the writer bytes are bytes.
                let expected = Self.plainly(Array(bytes[offset...]))
                var writer = JSONWriter()
                bytes.withUnsafeBufferPointer { writer.write(utf8: UnsafeBufferPointer(rebasing: $0[offset...])) }
                #expect(writer.bytes == expected)
            }
        }
    }
}

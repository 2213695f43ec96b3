import GatewayService
import Testing

@Suite("Whom a text may name")
struct MentionTests {
    @Test(
        "Behind each @ every beginning that could be a name, the longest first",
        arguments: [
            ("@bob", [["bob"]]), ("hi @Bob, look", [["bob"]]),
            ("@bob.smith-x_1!", [["bob.smith-x_1", "bob.smith-", "bob.smith", "bob.", "bob"]]),
            ("@李白你好", [["李白你好", "李白你", "李白"]]), ("（@李白）", [["李白"]]), ("@李白@杜甫", [["李白"], ["杜甫"]]),
            ("@ab中文", [["ab中文", "ab中", "ab"]]),
            ("@ＢＯＢ", [["bob"]]), ("＠bob，＠李白。", [["bob"], ["李白"]]), ("（＠ＢＯＢ）！", [["bob"]]),
        ] as [(String, [[String]])])
    func candidates(_ text: String, _ expected: [[String]]) { #expect(Mentions.candidates(in: text) == expected) }

    @Test(
        "An address, a lone sign and a name too short name nobody",
        arguments: ["bob@example.com", "@", "@ bob", "no sign", "", "a@b", "@!", "x.@bob", "bob＠example.com", "＠", "！＂＃"])
    func none(_ text: String) { #expect(Mentions.candidates(in: text).isEmpty) }

    @Test("A name in a script with blanks does not end within a word")
    func words() { #expect(Mentions.candidates(in: "@bobby") == [["bobby"]]) }

    @Test("However many there are, so many are looked at, and none is longer than a name may be")
    func bound() {
        let many = String(repeating: "@bob ", count: 1_000)
        #expect(Mentions.candidates(in: many).count == Mentions.bound)
        let long = Mentions.candidates(in: "@" + String(repeating: "長", count: 10_000))
        #expect(long.count == 1 && long[0].allSatisfy { $0.count <= 32 })
    }
}

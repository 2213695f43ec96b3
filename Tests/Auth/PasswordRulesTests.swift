import AuthService
import EverlineProtocol
import Testing

@Suite("Which new passwords are refused")
struct PasswordRulesTests {
    @Test(
        "What is tried first is refused, however it is dressed up",
        arguments: [
            "password", "PASSWORD", "ＰＡＳＳＷＯＲＤ", "Password1", "password2024!", "p@ssw0rd", "P@$$w0rd!!", "1234567890",
            "12345678901234", "abcdefghijk",
            "zyxwvuts", "aaaaaaaaaa", "abcabcabc", "12341234", "monkey2024", "!!Dragon99", "１２３４５６７８", "qwerty2025",
            "iloveyou123", "woaini1314",
        ])
    func refused(password: String) throws {
        #expect(throws: RPCError.self) { try PasswordRules.check(Password(password), of: "li-bai") }
    }

    @Test(
        "What nobody tries is taken",
        arguments: [
            "床前明月光，疑是地上霜", "correct horse battery", "monkey dragon", "li-bai drinks", "xkcd-936-done", "tr0ub4dor&3", "第一個密碼在這裡",
            "a first password", "        ", "éééééééé", String(repeating: "x", count: 256),
        ])
    func taken(password: String) throws {
        try PasswordRules.check(Password(password), of: "li-bai")
    }
}

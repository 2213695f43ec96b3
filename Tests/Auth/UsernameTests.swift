import AuthService
import EverlineProtocol
import Testing

@Suite struct UsernameTests {
    @Test(arguments: [
        ("李白", "李白", "李白"), ("Ｗｉｄｅ", "Wide", "wide"), ("Straße", "Straße", "strasse"), ("ΣΊΣΥΦΟΣ", "ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("ﬁsh", "fish", "fish"),
        ("e\u{301}te\u{301}", "été", "été"), ("हिन्दी", "हिन्दी", "हिन्दी"), ("a.b_c-1", "a.b_c-1", "a.b_c-1"),
    ])
    func good(given: String, text: String, key: String) throws {
        let name = try Username(given)
        #expect(Array(name.text.utf8) == Array(text.utf8))
        #expect(Array(name.key.utf8) == Array(key.utf8))
    }

    @Test(arguments: [
        "", "x", "a b", "a@b", "😀😀", "\u{301}ab", "1\u{301}", "a\u{200D}b", "a\u{202E}b", "a\u{0}b",
        String(repeating: "x", count: 33),
    ])
    func refused(given: String) {
        #expect(throws: RPCError.self) { try Username(given) }
    }

    @Test func keysAreStable() {
        for scalar in (0x41...0x2FFF).compactMap({ Unicode.Scalar(UInt32($0)) }) {
            let key = Username.key(String(Character(scalar)))
            #expect(Username.key(key) == key, "U+\(String(scalar.value, radix: 16))")
        }
    }
}

@Suite struct ThrottleOfPairsTests {
    @Test func growsAndForgives() throws {
        let throttle = Throttle(free: 2)
        let now = ContinuousClock.now
        for _ in 0..<2 { throttle.failed("li", "a", now: now) }
        try throttle.admit("li", "a", now: now)
        throttle.failed("li", "a", now: now)
        #expect(throws: RPCError.self) { try throttle.admit("li", "a", now: now) }
        // Nobody else is touched: another place, another account.
        try throttle.admit("li", "b", now: now)
        try throttle.admit("du", "a", now: now)
        try throttle.admit("li", "a", now: now + .seconds(2))
        throttle.failed("li", "a", now: now)
        #expect(throws: RPCError.self) { try throttle.admit("li", "a", now: now + .milliseconds(1_900)) }
        throttle.succeeded("li", "a", now: now)
        try throttle.admit("li", "a", now: now)
    }

    @Test func remembersNoMoreThanItMay() throws {
        let throttle = Throttle(free: 0, most: 100)
        let now = ContinuousClock.now
        for number in 0..<1_000 { throttle.failed("user \(number)", "a", now: now + .milliseconds(number)) }
        try throttle.admit("user 0", "a", now: now)
        #expect(throws: RPCError.self) { try throttle.admit("user 999", "a", now: now + .seconds(1)) }
    }
}

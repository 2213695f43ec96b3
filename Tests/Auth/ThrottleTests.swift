import AuthService
import EverlineProtocol
import Testing

struct ThrottleTests {
    private func wait(_ throttle: Throttle, _ account: String, _ address: String, at now: ContinuousClock.Instant) -> Int? {
        do throws(RPCError) {
            try throttle.admit(account, address, now: now)
            return nil
        } catch { return error.retryAfterMs }
    }

    @Test func eachFailureBeyondTheFreeOnesDoublesTheWait() {
        let throttle = Throttle(free: 3)
        var now = ContinuousClock.now
        for _ in 0..<3 {
            #expect(wait(throttle, "li", "a", at: now) == nil)
            throttle.failed("li", "a", now: now)
        }
        for expected in [1, 2, 4, 8] {
            #expect(wait(throttle, "li", "a", at: now) == nil)
            throttle.failed("li", "a", now: now)
            #expect(wait(throttle, "li", "a", at: now) == expected * 1_000 + 1)
            now += .seconds(expected)
        }
        // Others are not concerned, nor is the same address at another account.
        #expect(wait(throttle, "li", "b", at: now) == nil && wait(throttle, "du", "a", at: now) == nil)
        throttle.failed("li", "a", now: now)
        #expect(wait(throttle, "li", "a", at: now + .seconds(3_600)) == nil)
    }

    @Test func strangersWhoGuessAtAnAccountFromManyPlacesLockNobodyOut() {
        let throttle = Throttle(free: 3, freeOfAccount: 10)
        var now = ContinuousClock.now
        throttle.succeeded("li", "home", now: now)
        for stranger in 0..<200 {
            if wait(throttle, "li", "stranger \(stranger)", at: now) == nil {
                throttle.failed("li", "stranger \(stranger)", now: now)
            }
        }
        // They do wait, and so does the owner at a new place: once, for half a minute at the most, whatever the strangers go on doing.
        #expect(wait(throttle, "li", "home", at: now) == nil)
        let first = wait(throttle, "li", "train", at: now)
        #expect(first != nil && (first ?? 0) <= 30_001)
        for stranger in 200..<400 {
            now += .milliseconds(150)
            if wait(throttle, "li", "stranger \(stranger)", at: now) == nil {
                throttle.failed("li", "stranger \(stranger)", now: now)
            }
        }
        #expect(wait(throttle, "li", "train", at: now) == nil)
    }

    @Test func anAddressThatFailsEverywhereWaitsForAccountsThatItIsNotKnownAt() {
        let throttle = Throttle(free: 3, freeOfAddress: 50)
        let now = ContinuousClock.now
        throttle.succeeded("known", "a", now: now)
        for account in 0..<51 {
            #expect(wait(throttle, "\(account)", "a", at: now) == nil)
            throttle.failed("\(account)", "a", now: now)
        }
        #expect(wait(throttle, "one", "a", at: now) == nil)
        #expect(wait(throttle, "another", "a", at: now) != nil)
        #expect(wait(throttle, "known", "a", at: now) == nil && wait(throttle, "another", "b", at: now) == nil)
        #expect(wait(throttle, "another", "a", at: now + .seconds(600)) == nil)
    }

    @Test func whatIsRememberedIsBounded() {
        let throttle = Throttle(free: 1, most: 100)
        let now = ContinuousClock.now
        for number in 0..<10_000 { throttle.failed("\(number)", "\(number)", now: now + .milliseconds(number)) }
        throttle.failed("x", "x", now: now + .seconds(10))
        throttle.failed("x", "x", now: now + .seconds(10))
        #expect(wait(throttle, "x", "x", at: now + .seconds(10)) != nil)
    }
}

struct PasswordRuleTests {
    @Test(arguments: ["password1", "PASSWORD1", "ｐａｓｓｗｏｒｄ１", "1qaz2wsx", "woaini1314", "iloveyou", "李白李白李白李白"])
    func whatIsGuessedFirstIsRefused(text: String) throws {
        let password = try Password(text)
        #expect(throws: RPCError.self) { try PasswordRules.check(password, of: "李白李白李白李白") }
    }

    @Test(arguments: ["床前明月光，疑是地上霜", "        ", "correct horse battery staple", "password of mine"])
    func othersAreNot(text: String) throws { try PasswordRules.check(try Password(text), of: "li") }
}

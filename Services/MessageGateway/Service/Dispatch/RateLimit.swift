import EverlineProtocol
import Synchronization

/// How often someone may ask: so many requests a second on the average, and at most a second's worth at once (the generic cell rate algorithm, ITU-T
/// I.371). One atomic number, no lock.
final class RateLimit: Sendable {
    /// Nanoseconds a request.
    private let interval: Int64
    private let burst: Int64 = 1_000_000_000
    /// When the next request would come if all had come evenly; nanoseconds since `RateLimits.start`.
    private let due = Atomic<Int64>(0)

    init(perSecond: Int) { interval = max(1, 1_000_000_000 / Int64(perSecond)) }

    /// - Returns: `nil` if the requests may come; else after how many milliseconds they may. A batch of more than a second's worth may come when
    ///   nothing came before it, as it would never otherwise.
    func take(_ requests: Int, at now: Int64) -> Int? {
        let requests = min(requests, Int(burst / interval))
        var known = due.load(ordering: .relaxed)
        while true {
            let next = max(now, known) + interval * Int64(requests)
            if next - now > burst { return Int((next - now - burst) / 1_000_000) + 1 }
            let (done, found) = due.weakCompareExchange(expected: known, desired: next, ordering: .relaxed)
            if done { return nil }
            known = found
        }
    }

    func isIdle(at now: Int64) -> Bool { due.load(ordering: .relaxed) <= now }
}

/// The limits of this gateway, by user and by address.
final class RateLimits: Sendable {
    private enum Key: Hashable {
        case user(Int64)
        case address(String)
    }

    private let perUser: Int
    private let perAddress: Int
    private let limits = Mutex<[Key: RateLimit]>([:])
    private static let start = ContinuousClock.now
    private static let remembered = 20_000

    init(perUser: Int, perAddress: Int) {
        self.perUser = perUser
        self.perAddress = perAddress
    }

    func user(_ id: Int64) -> RateLimit { limit(.user(id), perUser) }
    func address(_ address: String) -> RateLimit { limit(.address(address), perAddress) }

    /// - Throws: `rate.limited` with the time to wait.
    static func admit(_ requests: Int, _ limits: RateLimit?...) throws(RPCError) {
        let now = Int64((ContinuousClock.now - start) / .nanoseconds(1))
        for case let limit? in limits {
            if let wait = limit.take(requests, at: now) { throw RPCError(.rateLimited, retryAfterMs: wait) }
        }
    }

    private func limit(_ key: Key, _ perSecond: Int) -> RateLimit {
        limits.withLock { limits in
            if let known = limits[key] { return known }
            if limits.count >= Self.remembered {
                // Whoever has asked nothing lately starts anew without loss.
                let now = Int64((ContinuousClock.now - Self.start) / .nanoseconds(1))
                limits = limits.filter { !$0.value.isIdle(at: now) }
            }
            let made = RateLimit(perSecond: perSecond)
            limits[key] = made
            return made
        }
    }
}

package import EverlineProtocol
import Synchronization

/// Slows down guessing, and locks nobody out: a stranger's failures cost others a wait at the most, once, and never those who are known.
///
/// - By account and address: after some free failures each one more doubles the wait of that pair.
/// - By account: once strangers elsewhere have failed often at it, an address that comes to the account for the first time waits as long as their failures
///   have made it, up to half a minute, counted from its own first attempt; what others do meanwhile does not lengthen that.
/// - By address: once it has failed often, at whatever accounts, it may try one that it has not got into before at growing intervals only.
package final class Throttle: Sendable {
    private struct Pair: Hashable {
        let account: String
        let address: String
    }
    private struct Entry {
        var failures = 0
        var last: ContinuousClock.Instant
        var openAt: ContinuousClock.Instant
        /// The address has got into the account.
        var isKnown = false
    }
    private struct Tally {
        var failures: Double = 0
        var last: ContinuousClock.Instant
        var openAt: ContinuousClock.Instant

        /// One failure a `Throttle.pardon` is forgotten.
        mutating func fade(_ now: ContinuousClock.Instant) {
            failures = max(0, failures - (now - last) / Throttle.pardon)
            last = now
        }
    }
    private struct State {
        var pairs: [Pair: Entry] = [:]
        var accounts: [String: Tally] = [:]
        var addresses: [String: Tally] = [:]
    }

    private let free: Int
    private let freeOfAccount: Int
    private let freeOfAddress: Int
    private let most: Int
    private let state = Mutex(State())

    private static let memory = Duration.seconds(900)
    private static let longest = Duration.seconds(300)
    private static let longestOfOthers = Duration.seconds(30)
    private static let pardon = Duration.seconds(2)

    /// - Parameters:
    ///   - free: failures of one address at one account that cost no wait.
    ///   - freeOfAccount: failures at one account, from wherever.
    ///   - freeOfAddress: failures of one address, at whatever accounts.
    ///   - most: pairs, accounts and addresses that are remembered, of each; past it the oldest go.
    package init(free: Int = 20, freeOfAccount: Int = 50, freeOfAddress: Int = 1_000, most: Int = 50_000) {
        self.free = free
        self.freeOfAccount = freeOfAccount
        self.freeOfAddress = freeOfAddress
        self.most = most
    }

    /// - Throws: `auth.throttled` with the time to wait.
    package func admit(_ account: String, _ address: String, now: ContinuousClock.Instant = .now) throws(RPCError) {
        let wait: ContinuousClock.Instant? = state.withLock { state in
            let pair = Pair(account: account, address: address)
            if let entry = state.pairs[pair] {
                if entry.openAt > now { return entry.openAt }
                if entry.isKnown { return nil }
            } else if var tally = state.accounts[account] {
                tally.fade(now)
                let delay = Self.delay(tally.failures - Double(freeOfAccount), most: Self.longestOfOthers)
                if delay > .zero {
                    state.pairs[pair] = Entry(last: now, openAt: now + delay)
                    trim(&state, now)
                    return now + delay
                }
            }
            guard var tally = state.addresses[address] else { return nil }
            if tally.openAt > now { return tally.openAt }
            tally.fade(now)
            let delay = Self.delay(tally.failures - Double(freeOfAddress), most: Self.longestOfOthers)
            if delay > .zero {
                // This one may; the next in a while.
                tally.openAt = now + delay
                state.addresses[address] = tally
            }
            return nil
        }
        guard let wait else { return }
        throw RPCError(.authThrottled, retryAfterMs: Int((wait - now) / .milliseconds(1)) + 1)
    }

    package func failed(_ account: String, _ address: String, now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            let pair = Pair(account: account, address: address)
            var entry = state.pairs[pair] ?? Entry(last: now, openAt: now)
            if now - entry.last > Self.memory { entry.failures = 0 }
            entry.failures += 1
            entry.last = now
            entry.openAt = now + Self.delay(Double(entry.failures - free), most: Self.longest)
            state.pairs[pair] = entry
            func count(_ tallies: inout [String: Tally], _ key: String) {
                var tally = tallies[key] ?? Tally(last: now, openAt: now)
                tally.fade(now)
                tally.failures += 1
                tallies[key] = tally
            }
            if !entry.isKnown { count(&state.accounts, account) }
            count(&state.addresses, address)
            trim(&state, now)
        }
    }

    /// The address has got into the account, or the account was made from there.
    package func succeeded(_ account: String, _ address: String, now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            var entry = Entry(last: now, openAt: now)
            entry.isKnown = true
            state.pairs[Pair(account: account, address: address)] = entry
            trim(&state, now)
        }
    }

    /// A second and twice as long for each more beyond what is free.
    private static func delay(_ over: Double, most: Duration) -> Duration {
        over > 0 ? min(.seconds(1 << min(Int(over.rounded(.up)) - 1, 9)), most) : .zero
    }

    private func trim(_ state: inout State, _ now: ContinuousClock.Instant) {
        if state.pairs.count > most {
            state.pairs = state.pairs.filter { $0.value.isKnown || now - $0.value.last <= Self.memory }
            Self.trim(&state.pairs, most, \.last)
        }
        if state.accounts.count > most { Self.trim(&state.accounts, most, \.last) }
        if state.addresses.count > most { Self.trim(&state.addresses, most, \.last) }
    }

    private static func trim<Key, Value>(_ all: inout [Key: Value], _ most: Int, _ last: KeyPath<Value, ContinuousClock.Instant>)
    {
        guard all.count > most else { return }
        for old in all.sorted(by: { $0.value[keyPath: last] < $1.value[keyPath: last] }).prefix(most / 10) { all[old.key] = nil }
    }
}

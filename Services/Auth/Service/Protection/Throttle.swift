package import EverlineProtocol
import Synchronization

/// Slows down guessing: by account and address together, so that a stranger elsewhere locks nobody out. After some free failures each one
/// more doubles the wait.
package final class Throttle: Sendable {
    private struct Key: Hashable {
        let account: String
        let address: String
    }
    private struct Entry {
        var failures: Int
        var last: ContinuousClock.Instant
        var openAt: ContinuousClock.Instant
    }

    private let free: Int
    private let most: Int
    private let entries = Mutex<[Key: Entry]>([:])

    private static let memory = Duration.seconds(900)
    private static let longest = Duration.seconds(300)

    /// - Parameters:
    ///   - free: failures that cost no wait.
    ///   - most: pairs that are remembered; past it the oldest go.
    package init(free: Int = 20, most: Int = 50_000) {
        self.free = free
        self.most = most
    }

    /// - Throws: `auth.throttled` with the time to wait.
    package func admit(_ account: String, _ address: String, now: ContinuousClock.Instant = .now) throws(RPCError) {
        guard let entry = entries.withLock({ $0[Key(account: account, address: address)] }), entry.openAt > now else { return }
        throw RPCError(.authThrottled, retryAfterMs: Int((entry.openAt - now) / .milliseconds(1)) + 1)
    }

    package func failed(_ account: String, _ address: String, now: ContinuousClock.Instant = .now) {
        entries.withLock { entries in
            let key = Key(account: account, address: address)
            var entry = entries[key] ?? Entry(failures: 0, last: now, openAt: now)
            if now - entry.last > Self.memory { entry.failures = 0 }
            entry.failures += 1
            entry.last = now
            let over = entry.failures - free
            if over > 0 { entry.openAt = now + min(.seconds(1 << min(over - 1, 9)), Self.longest) }
            entries[key] = entry
            guard entries.count > most else { return }
            entries = entries.filter { now - $0.value.last <= Self.memory }
            if entries.count > most {
                for old in entries.sorted(by: { $0.value.last < $1.value.last }).prefix(most / 10) { entries[old.key] = nil }
            }
        }
    }

    package func succeeded(_ account: String, _ address: String) {
        entries.withLock { $0[Key(account: account, address: address)] = nil }
    }
}

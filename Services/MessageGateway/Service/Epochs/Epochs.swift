import Synchronization

/// The epoch as this gateway knows it: learnt from each new connection to PostgreSQL, from the counter timer, and from appends that were refused.
///
/// Ids of users and rooms are only what they are within one epoch: after a restore the same number may be somebody else. So whatever is
/// remembered across requests names the epoch that it was learnt in.
final class Epochs: Sendable {
    private struct State {
        /// `nil` while it is in doubt.
        var known: String?
        var last: String?
        var changed: @Sendable (String) -> Void = { _ in }
    }
    private enum Outcome {
        case known(String)
        case changed(@Sendable (String) -> Void)
        case older
    }
    private let state = Mutex(State())

    var known: String? { state.withLock { $0.known } }
    /// The last that was known, though it may be in doubt; empty if none was. What is learnt now is of it or of a later one.
    var latest: String { state.withLock { $0.last } ?? "" }

    /// - Parameter changed: called with the first epoch, and with each that takes the place of another.
    func onChange(_ changed: @escaping @Sendable (String) -> Void) { state.withLock { $0.changed = changed } }

    /// An append was refused for its epoch: the next one asks.
    func doubt() { state.withLock { $0.known = nil } }

    /// Takes note of what the server said.
    ///
    /// - Parameter renew: begins a new epoch in place of the one named, and returns what holds then. Called when the server names one that is
    ///   older than what it named before: somebody put old rows back, with their epoch, and its numbers are not those that clients hold.
    /// - Returns: the epoch that holds.
    @discardableResult
    func noted(_ epoch: String, renew: (String) async throws -> String) async rethrows -> String {
        var epoch = epoch
        var renewed = false
        while true {
            let outcome = state.withLock { state -> Outcome in
                if let last = state.last, Self.isOlder(epoch, than: last) { return renewed ? .known(last) : .older }
                state.known = epoch
                defer { state.last = epoch }
                return state.last == epoch ? .known(epoch) : .changed(state.changed)
            }
            switch outcome {
            case .known(let known): return known
            case .changed(let changed):
                changed(epoch)
                return epoch
            case .older:
                epoch = try await renew(epoch)
                // What is older even so was overtaken meanwhile.
                renewed = true
            }
        }
    }

    /// An epoch begins with its generation.
    static func isOlder(_ one: String, than other: String) -> Bool { generation(one) < generation(other) }
    private static func generation(_ epoch: String) -> Int64 { Int64(epoch.prefix { $0 != "-" }) ?? 0 }
}

/// The pause before the next attempt to connect: doubling from 50 ms to 1 s, each shortened at random by up to half, so that many clients
/// of a restarted server do not come at once and each still comes within a second.
struct Backoff {
    private var failures = 0
    private var since: PostgresDeadline?
    /// No attempt before this moment.
    private(set) var next = PostgresDeadline(nanoseconds: 0)

    var isFailing: Bool { failures > 0 }

    /// How long a caller may wait while attempts fail: a restart of a moment goes unnoticed; after that everyone is told soon, and comes
    /// again.
    var patience: PostgresDeadline? {
        since.map { max($0 + .seconds(1), .now + .milliseconds(200)) }
    }

    mutating func succeeded() { self = Backoff() }

    mutating func failed() {
        let full = min(1000, 50 << min(failures, 5))
        failures += 1
        if since == nil { since = .now }
        next = .milliseconds(Int.random(in: full / 2...full))
    }
}

/// A caller that waits for a connection. On the reactor's thread only.
final class Waiter {
    let id: UInt64
    var deadline: PostgresDeadline
    let continuation: CheckedContinuation<PostgresConnection, any Error>

    init(id: UInt64, deadline: PostgresDeadline, continuation: CheckedContinuation<PostgresConnection, any Error>) {
        self.id = id
        self.deadline = deadline
        self.continuation = continuation
    }
}

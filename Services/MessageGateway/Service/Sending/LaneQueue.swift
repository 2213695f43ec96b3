import DequeModule
import EverlineProtocol

/// What waits in a lane: bounded in number and bytes, each for no longer than its sender does.
struct LaneQueue: Sendable {
    private var waiting: Deque<PendingSend> = []
    private var bytes = 0
    /// Since when a batch has been on its way.
    var busySince: ContinuousClock.Instant?

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }

    /// The next one is refused with `overloaded`.
    private static let bound = 5_000
    private static let boundBytes = 16_777_216
    private static let batch = 500
    private static let batchBytes = 1_048_576
    /// After so long without an answer to a batch, nobody else is made to wait behind it.
    private static let slow = Duration.seconds(2)

    /// Whether a send would wait longer than its sender should: the batch before it does not come back.
    func isStuck(_ now: ContinuousClock.Instant) -> Bool { busySince.map { now - $0 > Self.slow } ?? false }

    /// Whether there was room.
    mutating func append(_ send: PendingSend) -> Bool {
        guard waiting.count < Self.bound, bytes < Self.boundBytes else { return false }
        waiting.append(send)
        bytes += send.entry.body.utf8.count
        return true
    }

    /// The next batch, in order; and before it those whose time is up, of which nothing was sent.
    mutating func take(_ now: ContinuousClock.Instant) -> (batch: [PendingSend], late: [PendingSend]) {
        var (batch, late): ([PendingSend], [PendingSend]) = ([], [])
        var taken = 0
        while batch.count < Self.batch, taken < Self.batchBytes, let send = waiting.popFirst() {
            if send.deadline <= now {
                late.append(send)
            } else {
                batch.append(send)
                taken += send.entry.body.utf8.count
            }
            bytes -= send.entry.body.utf8.count
        }
        if !batch.isEmpty { busySince = now }
        return (batch, late)
    }

    /// All that waits, or only what is late.
    mutating func takeAll(lateAt now: ContinuousClock.Instant? = nil) -> [PendingSend] {
        guard let now else {
            defer { (waiting, bytes) = ([], 0) }
            return Array(waiting)
        }
        guard let first = waiting.first, first.deadline <= now else { return [] }
        let late = waiting.filter { $0.deadline <= now }
        waiting.removeAll { $0.deadline <= now }
        bytes = waiting.reduce(0) { $0 + $1.entry.body.utf8.count }
        return Array(late)
    }
}

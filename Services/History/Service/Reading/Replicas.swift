import EverlinePostgres
import EverlineProtocol
import EverlineReading
import Logging
import Metrics
import Synchronization

/// Streaming replicas of the primary: they answer what one of them has come far enough for, and `nil` stands for all else, which is then the primary's to
/// answer.
struct Replicas: Sendable {
    private let all: [Replica]

    /// How long those that are behind are waited for. Replay is some milliseconds behind, or much more.
    private static let patience = Duration.milliseconds(100)
    private static let pause = Duration.milliseconds(4)

    /// - Parameters:
    ///   - pages: how to reach them, with several hosts if they are several; for what is quick.
    ///   - questions: the same for what takes longer.
    init(pages: PostgresConfiguration, questions: PostgresConfiguration, logger: Logger) {
        all = zip(pages.byHost, questions.byHost).map { pages, questions in
            Replica(
                pages: PostgresPool(configuration: pages, logger: logger),
                questions: PostgresPool(configuration: questions, logger: logger))
        }
    }

    func shutdown() async { for one in all { await one.shutdown() } }

    /// - Parameter seen: what the page's own snapshot must have reached.
    func page(_ direction: MessageReader.Direction, _ seen: ReadableRoom, reader user: Int64, limit: Int64) async throws
        -> RoomPage?
    {
        try await answering { try await $0.page(direction, seen, reader: user, limit: limit) }
    }

    /// - Parameter progress: what the snapshot must have reached.
    func snapshot<R: Sendable>(_ progress: Progress, _ body: (PostgresConnection) async throws -> R) async throws -> R? {
        try await answering { try await $0.snapshot(progress, body) }
    }

    /// Asks one after the other, those first that were not late before, until one answers or nobody is left to be waited for.
    private func answering<R: Sendable>(_ look: (Replica) async throws -> R?) async throws -> R? {
        let end = ContinuousClock.now + Self.patience
        let reachable = all.filter { !$0.isResting }.shuffled()
        let level = reachable.filter { !$0.isLate }
        var asked = level.isEmpty ? reachable : level
        while true {
            var late: [Replica] = []
            for replica in asked {
                do {
                    if let found = try await look(replica) {
                        // Whoever cannot do what another can is not to be waited for.
                        for one in late { one.isFoundLate() }
                        Self.answered.increment()
                        return found
                    }
                    late.append(replica)
                } catch let error as PostgresError {
                    replica.failed(error)
                }
            }
            asked = late
            guard !asked.isEmpty else { break }
            guard !level.isEmpty, .now < end else {
                for one in asked { one.isFoundLate() }
                Self.behind.increment()
                return nil
            }
            try await Task.sleep(for: Self.pause)
        }
        Self.unreachable.increment()
        return nil
    }

    private static let answered = Counter(label: "everline_replica_reads_total", dimensions: [("outcome", "answered")])
    private static let behind = Counter(label: "everline_replica_reads_total", dimensions: [("outcome", "behind")])
    private static let unreachable = Counter(label: "everline_replica_reads_total", dimensions: [("outcome", "unreachable")])
}

/// One of them.
private final class Replica: Sendable {
    private let pages: PostgresPool
    private let questions: PostgresPool
    private let messages: MessageReader
    private let until = Mutex<(resting: ContinuousClock.Instant, late: ContinuousClock.Instant)>((resting: .now, late: .now))

    /// For a statement: the primary is there to be asked instead.
    private static let deadline = Duration.milliseconds(500)
    /// How long it is left alone when it could not be reached, and how long nobody waits for it when somebody did in vain.
    private static let rest = Duration.seconds(3)
    private static let lateness = Duration.seconds(1)

    init(pages: PostgresPool, questions: PostgresPool) {
        self.pages = pages
        self.questions = questions
        messages = MessageReader(pool: pages)
    }

    func shutdown() async {
        await pages.shutdown()
        await questions.shutdown()
    }

    var isResting: Bool { until.withLock { $0.resting > .now } }
    var isLate: Bool { until.withLock { $0.late > .now } }
    func isFoundLate() { until.withLock { $0.late = .now + Self.lateness } }
    /// One that only refused, as a conflict with what it replays makes it do, is well.
    func failed(_ error: PostgresError) {
        if error.kind != .server { until.withLock { $0.resting = .now + Self.rest } }
    }

    func page(_ direction: MessageReader.Direction, _ seen: ReadableRoom, reader user: Int64, limit: Int64) async throws
        -> RoomPage?
    {
        do {
            let page = try await messages.page(direction, room: seen.name, reader: user, limit: limit, patience: Self.deadline)
            return page.room.reaches(seen) ? page : nil
        } catch let error as RPCError where error.code == .roomNotFound {
            // It is there, and may be read: the replica has not come to that.
            return nil
        }
    }

    func snapshot<R: Sendable>(_ progress: Progress, _ body: (PostgresConnection) async throws -> R) async throws -> R? {
        try await questions.withConnection(deadline: .after(Self.deadline)) { connection async throws -> R? in
            guard try await progress.isReached(by: connection, patience: Self.deadline) else { return nil }
            return try await connection.withTransaction(.readOnlySnapshot, body)
        }
    }
}

extension ReadableRoom {
    /// Whether this is the same room of the same history, no earlier.
    fileprivate func reaches(_ seen: ReadableRoom) -> Bool {
        id == seen.id && epoch == seen.epoch && lastSeq >= seen.lastSeq && lastRev >= seen.lastRev
    }
}

import DequeModule
import EverlinePostgres
import EverlineProtocol
import Logging
import Metrics
import NIOCore
import Synchronization

/// A send that waits for its number.
struct PendingSend: Sendable {
    let entry: Entry
    let roomName: String
    let user: User
    /// The epoch that the sender named, if any.
    let epoch: String?
    let loop: any EventLoop
    let deadline: ContinuousClock.Instant
    /// Runs on `loop`, once.
    let complete: @Sendable (Result<MessageSend.Result, RPCError>) -> Void

    /// The same, of which nobody waits for the outcome any more.
    var abandoned: PendingSend {
        PendingSend(entry: entry, roomName: roomName, user: user, epoch: epoch, loop: loop, deadline: .now + .seconds(86_400)) {
            _ in
        }
    }
}

/// A share of the rooms with one connection, on which one batch at a time is in flight: while it commits, the next one gathers. So a room is in
/// one batch at a time, and commits are shared by all who send at that moment.
final class Lane: Sendable {
    private struct State {
        var queue: Deque<PendingSend> = []
        var stopped = false
        var members = KnownMembers()
        /// Since when a batch has been on its way.
        var busySince: ContinuousClock.Instant?

        /// Whether a send would wait longer than its sender should: the batch before it does not come back.
        func isStuck(_ now: ContinuousClock.Instant) -> Bool { busySince.map { now - $0 > Lane.slow } ?? false }
    }

    private let store: AppendStore
    private let epoch: EpochKeeper
    private let feeds: Feeds
    private let signals: any SignalSink
    private let logger: Logger
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation
    private let telling = Mutex<Task<Void, Never>?>(nil)

    /// The most sends that wait in one lane; the next is refused with `overloaded`.
    private static let accepted = Counter(label: "everline_messages_accepted_total")
    private static let duplicates = Counter(label: "everline_messages_duplicate_total")
    private static let refused = Counter(label: "everline_messages_refused_total")
    private static let overloaded = Counter(label: "everline_messages_overloaded_total")
    private static let doubted = Counter(label: "everline_appends_doubted_total")
    private static let repeated = Counter(label: "everline_appends_repeated_total")
    private static let batchSize = Recorder(label: "everline_append_batch_messages")
    private static let time = Timer(label: "everline_append_seconds")

    private static let unavailable = RPCError(.unavailable, detail: "the database does not answer", retryAfterMs: 1_000)
    /// After so long without an answer to a batch, nobody else is made to wait behind it.
    private static let slow = Duration.seconds(2)
    /// How long a batch that cannot be sent is tried again.
    private static let patience = Duration.seconds(1)
    private static let bound = 5_000
    private static let batch = 500
    private static let batchBytes = 1_048_576

    init(store: AppendStore, epoch: EpochKeeper, feeds: Feeds, signals: any SignalSink, logger: Logger) {
        self.store = store
        self.epoch = epoch
        self.feeds = feeds
        self.signals = signals
        self.logger = logger
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes a send, or refuses it at once.
    func submit(_ send: PendingSend) throws(RPCError) {
        let refusal: RPCError? = state.withLock { state in
            if state.stopped { return RPCError(.shuttingDown) }
            if state.isStuck(.now) { return Self.unavailable }
            guard state.queue.count < Self.bound else {
                Self.overloaded.increment()
                return RPCError(.overloaded, retryAfterMs: 500)
            }
            state.queue.append(send)
            return nil
        }
        if let refusal { throw refusal }
        waker.yield()
    }

    /// Appends batch after batch until `stop` was called and all that was taken is settled.
    func run() async {
        for await _ in wake {
            while let batch = take() {
                await settle(batch)
                state.withLock { $0.busySince = nil }
            }
            if state.withLock({ $0.stopped && $0.queue.isEmpty }) {
                await telling.withLock { $0 }?.value
                return
            }
        }
    }

    func stop() {
        state.withLock { $0.stopped = true }
        waker.yield()
    }

    private func take() -> [PendingSend]? {
        state.withLock { state in
            var bytes = 0
            var batch: [PendingSend] = []
            while batch.count < Self.batch, bytes < Self.batchBytes, let send = state.queue.popFirst() {
                bytes += send.entry.body.utf8.count
                batch.append(send)
            }
            if !batch.isEmpty { state.busySince = .now }
            return batch.isEmpty ? nil : batch
        }
    }

    /// Tells all who wait that their turn does not come soon. Nothing of theirs was sent.
    private func refuseQueue() {
        let queue = state.withLock { state in
            defer { state.queue = [] }
            return state.queue
        }
        answer(queue.map { ($0, .failure(Self.unavailable)) })
    }

    /// Called now and then from outside, because `run` waits for the very batch that is stuck.
    func refuseIfStuck() {
        if state.withLock({ !$0.queue.isEmpty && $0.isStuck(.now) }) { refuseQueue() }
    }

    /// Repeats the append until its outcome is known: a repetition is harmless, since each entry carries its clientId.
    private func settle(_ batch: [PendingSend]) async {
        var batch = batch
        var pause = Duration.milliseconds(20)
        var unknown = false
        let begun = ContinuousClock.now
        while !batch.isEmpty {
            do {
                let current = try await epoch.current()
                let stale = batch.filter { $0.epoch != nil && $0.epoch != current }
                if !stale.isEmpty {
                    answer(stale.map { ($0, .failure(RPCError(.epochChanged))) })
                    batch.removeAll { $0.epoch != nil && $0.epoch != current }
                    continue
                }
                let sent = ContinuousClock.now
                let appended = try await append(batch.map(\.entry), epoch: current)
                Self.time.record(duration: .now - sent)
                Self.batchSize.record(batch.count)
                return await finish(batch, appended, epoch: current)
            } catch let error as PostgresError {
                if error.sqlState?.rawValue == AppendStore.epochChanged {
                    await epoch.forget()
                    state.withLock { $0.members.forget() }
                } else if let code = error.sqlState?.rawValue, ["22", "23", "54"].contains(code.prefix(2)) {
                    return await bisect(batch, error)
                } else if error.kind == .outcomeUnknown {
                    unknown = true
                } else if !error.isRetryable {
                    logger.error("an append was refused", metadata: ["error": "\(error)"])
                    return answer(batch.map { ($0, .failure(RPCError(.internalError))) })
                }
                logger.warning("an append is repeated", metadata: ["error": "\(error)", "sends": "\(batch.count)"])
            } catch {
                logger.warning("an append is repeated", metadata: ["error": "\(error)", "sends": "\(batch.count)"])
            }
            Self.repeated.increment()
            let now = ContinuousClock.now
            let late = batch.filter { $0.deadline <= now }
            if unknown {
                // Nothing else of these rooms may go before it is known what became of them; their senders are told that it is not.
                answer(late.map { ($0, .failure(RPCError(.deadline, retryAfterMs: 1_000))) })
                batch = batch.map { $0.deadline <= now ? $0.abandoned : $0 }
            } else {
                answer(late.map { ($0, .failure(Self.unavailable)) })
                batch.removeAll { $0.deadline <= now }
                if now - begun > Self.patience {
                    answer(batch.map { ($0, .failure(Self.unavailable)) })
                    return refuseQueue()
                }
            }
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, .milliseconds(500))
            if Task.isCancelled { return answer(batch.map { ($0, .failure(RPCError(.shuttingDown))) }) }
        }
    }

    /// The fast form where all senders are known to be members; the careful one where not, or when the fast one had a doubt.
    private func append(_ entries: [Entry], epoch: String) async throws -> AppendedBatch {
        if let revs = state.withLock({ $0.members.revs(for: entries) }) {
            do {
                return try await store.appendFast(entries, membersRevs: revs, epoch: epoch)
            } catch let error as PostgresError where Self.doubts.contains(error.sqlState?.rawValue ?? "") {
                Self.doubted.increment()
            }
        }
        let appended = try await store.append(entries, epoch: epoch)
        state.withLock { $0.members.learn(entries, appended) }
        return appended
    }

    /// A membership that changed, and a clientId that is known already.
    private static let doubts: Set<String> = [AppendStore.membershipChanged, "23505"]

    /// A row that PostgreSQL refuses must not spoil its neighbours; order is kept.
    private func bisect(_ batch: [PendingSend], _ error: PostgresError) async {
        guard batch.count > 1 else {
            logger.warning("a message was refused by the database", metadata: ["sqlstate": "\(error.sqlState?.rawValue ?? "")"])
            return answer(batch.map { ($0, .failure(RPCError(.invalidParams, detail: "the database cannot hold this message"))) })
        }
        await settle(Array(batch[..<(batch.count / 2)]))
        await settle(Array(batch[(batch.count / 2)...]))
    }

    private func finish(_ batch: [PendingSend], _ appended: AppendedBatch, epoch: String) async {
        var results: [(PendingSend, Result<MessageSend.Result, RPCError>)] = []
        results.reserveCapacity(batch.count)
        var posted: [(send: PendingSend, seq: Int64, sentAt: Timestamp)] = []
        posted.reserveCapacity(batch.count)
        for (send, outcome) in zip(batch, appended.outcomes) {
            switch outcome {
            case .accepted(let seq, let sentAt):
                Self.accepted.increment()
                results.append((send, .success(.init(seq: seq, epoch: epoch, sentAt: sentAt, duplicate: false))))
                posted.append((send, seq, sentAt))
            case .duplicate(let seq, let sentAt):
                Self.duplicates.increment()
                results.append((send, .success(.init(seq: seq, epoch: epoch, sentAt: sentAt, duplicate: true))))
            case .refused(let error):
                Self.refused.increment()
                results.append((send, .failure(error)))
            }
        }
        answer(results)
        guard !posted.isEmpty else { return }
        // While the next batch is on its way; but never more than one behind, so that what waits to be told is bounded.
        await telling.withLock { $0 }?.value
        let (news, revs) = (posted, appended.lastRevs)
        telling.withLock { $0 = Task.detached { await self.tell(news, revs, epoch: epoch) } }
    }

    /// Encodes once for all readers, here and elsewhere.
    private func tell(
        _ posted: [(send: PendingSend, seq: Int64, sentAt: Timestamp)], _ revs: [Int64: Int64], epoch: String
    ) async {
        var rooms: [Int64: [EncodedMessage]] = [:]
        for (send, seq, sentAt) in posted {
            rooms[send.entry.room, default: []].append(
                EncodedMessage(
                    Message(
                        room: send.roomName, seq: seq, epoch: epoch, sender: send.user.username,
                        senderName: send.user.displayName,
                        body: send.entry.body, sentAt: sentAt, clientID: send.entry.clientID, replyTo: send.entry.replyTo)))
        }
        for (room, messages) in rooms {
            let run = messages.sorted { $0.seq < $1.seq }
            await feeds.receive(run, room: room, epoch: epoch)
            signals.posted(run, room: room, epoch: epoch, rev: revs[room] ?? 0)
        }
    }

    /// One hop to each loop, however many senders wait there.
    private func answer(_ results: [(PendingSend, Result<MessageSend.Result, RPCError>)]) {
        let byLoop = Dictionary(grouping: results) { ObjectIdentifier($0.0.loop) }
        for group in byLoop.values {
            group[0].0.loop.execute {
                for (send, result) in group { send.complete(result) }
            }
        }
    }
}

/// Where signals for other gateways, and the messages of the windows, go.
protocol SignalSink: Sendable {
    /// Consecutive messages of one room, just committed. Never waits; what is lost the counter timer finds.
    ///
    /// - Parameter rev: the room's newest revision when they were committed.
    func posted(_ messages: [EncodedMessage], room: Int64, epoch: String, rev: Int64)
    /// Something without a number for all who have the room open.
    func announced(_ push: [UInt8], room: Int64)
}

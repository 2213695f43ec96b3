import EverlinePostgres
import EverlineProtocol
import Logging
import Metrics
import NIOCore
import Synchronization

/// A share of the rooms with one connection, on which one batch at a time is in flight: while it commits, the next one gathers. So a room is in
/// one batch at a time, and commits are shared by all who send at that moment.
final class Lane: Sendable {
    private struct State {
        var queue = LaneQueue()
        var stopped = false
    }

    let store: AppendStore
    let epochs: Epochs
    let members = Mutex(KnownMembers())
    let logger: Logger
    private let teller: Teller
    private let state = Mutex(State())
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    private static let accepted = Counter(label: "everline_messages_accepted_total")
    private static let duplicates = Counter(label: "everline_messages_duplicate_total")
    static let unavailable = RPCError(.unavailable, detail: "the database does not answer", retryAfterMs: 1_000)

    init(store: AppendStore, epochs: Epochs, feeds: Feeds, signals: any SignalSink, logger: Logger) {
        self.store = store
        self.epochs = epochs
        self.logger = logger
        teller = Teller(feeds: feeds, signals: signals)
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes a send, or refuses it at once.
    func submit(_ send: PendingSend) throws(RPCError) {
        let refusal: RPCError? = state.withLock { state in
            if state.stopped { return RPCError(.shuttingDown) }
            if state.queue.isStuck(.now) { return Self.unavailable }
            if state.queue.append(send) { return nil }
            return RPCError(.overloaded, retryAfterMs: 500)
        }
        if let refusal { throw refusal }
        waker.yield()
    }

    /// Appends batch after batch until `stop` was called and all that was taken is settled.
    func run() async {
        for await _ in wake {
            while true {
                let (batch, late) = state.withLock { $0.queue.take(.now) }
                refuse(late)
                if batch.isEmpty { break }
                await settle(batch)
                state.withLock { $0.queue.busySince = nil }
            }
            if state.withLock({ $0.stopped && $0.queue.isEmpty }) { return await teller.finish() }
        }
    }

    var waiting: Int { state.withLock { $0.queue.count } }

    func stop() {
        state.withLock { $0.stopped = true }
        waker.yield()
    }

    /// Gives up what is in flight: its outcome is not known.
    func close() async { await store.session.shutdown(deadline: .now) }

    /// Tells those who wait that their turn does not come soon. Nothing of theirs was sent.
    func refuse(_ sends: [PendingSend]) {
        if !sends.isEmpty { answer(sends.map { ($0, .failure(Self.unavailable)) }) }
    }
    func refuseQueue() { refuse(state.withLock { $0.queue.takeAll() }) }

    /// Called now and then from outside, because `run` waits for the very batch that is stuck.
    func refuseLate() {
        let now = ContinuousClock.now
        refuse(state.withLock { $0.queue.isStuck(now) ? $0.queue.takeAll() : $0.queue.takeAll(lateAt: now) })
    }

    func finish(_ batch: [PendingSend], _ appended: AppendedBatch, epoch: String) async {
        var results: [(PendingSend, Result<MessageSend.Result, RPCError>)] = []
        results.reserveCapacity(batch.count)
        var posted: [Teller.Posted] = []
        posted.reserveCapacity(batch.count)
        for (send, outcome) in zip(batch, appended.outcomes) {
            switch outcome {
            case .accepted(let seq, let sentAt):
                results.append((send, .success(.init(seq: seq, epoch: epoch, sentAt: sentAt, duplicate: false))))
                posted.append(Teller.Posted(send: send, seq: seq, sentAt: sentAt))
            case .duplicate(let seq, let sentAt):
                Self.duplicates.increment()
                results.append((send, .success(.init(seq: seq, epoch: epoch, sentAt: sentAt, duplicate: true))))
            case .refused(let error):
                results.append((send, .failure(error)))
            }
        }
        Self.accepted.increment(by: posted.count)
        answer(results)
        await teller.tell(posted, appended.lastRevs, epoch: epoch)
    }

    /// One hop to each loop, however many senders wait there.
    func answer(_ results: [(PendingSend, Result<MessageSend.Result, RPCError>)]) {
        guard let first = results.first?.0.loop else { return }
        if results.allSatisfy({ $0.0.loop === first }) { return Self.complete(results[...], on: first) }
        for group in Dictionary(grouping: results, by: { ObjectIdentifier($0.0.loop) }).values {
            Self.complete(group[...], on: group[0].0.loop)
        }
    }

    private static func complete(
        _ results: ArraySlice<(PendingSend, Result<MessageSend.Result, RPCError>)>, on loop: any EventLoop
    ) {
        loop.execute { for (send, result) in results { send.complete(result) } }
    }
}

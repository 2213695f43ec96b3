internal import CPostgres
internal import DequeModule
internal import Glibc
internal import Synchronization

/// Something whose socket the reactor watches. Called on the reactor's thread only.
protocol ReactorSource: AnyObject, Sendable {
    /// `events` is epoll's bit set.
    func ready(_ events: UInt32)
}

/// The one thread on which all PostgreSQL connections of the process live: it waits on their sockets and timers (epoll) and runs the jobs
/// of the actors pinned to it. So a call costs one hop there and one back, libpq is never entered from two threads at once, and the
/// cooperative pool never waits for a socket.
///
/// `@unchecked Sendable`: `inbox` is behind a lock; everything below `thread-confined` is touched by the reactor's own thread alone, which
/// `assertOnThread` checks.
package final class PostgresReactor: SerialExecutor, @unchecked Sendable {
    package static let shared = PostgresReactor()

    private enum Work {
        case job(UnownedJob)
        case step(UnownedJob)
        case closure(@Sendable () -> Void)
    }
    private struct Inbox {
        var work = Deque<Work>()
        /// The thread may be asleep in epoll_wait, and nobody has woken it yet.
        var asleep = false
    }
    private let inbox = Mutex(Inbox())
    private let epoll: Int32
    private let wakeUp: Int32

    // Thread-confined.
    private var thread = pthread_t()
    private var sources: [UInt64: any ReactorSource] = [:]
    private var timers: [UInt64: (at: PostgresDeadline, body: @Sendable () -> Void)] = [:]
    private var lastToken: UInt64 = 0
    /// Threads that wait for a cancel request to be answered.
    var cancelThreads = 0

    private init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeUp = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(epoll >= 0 && wakeUp >= 0, "no file descriptors left for the PostgreSQL reactor")
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: 0))
        epoll_ctl(epoll, EPOLL_CTL_ADD, wakeUp, &event)
        // The reactor lives as long as the process, as `shared` does.
        startThread(named: "postgres") { self.run() }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        put(.job(UnownedJob(job)))
    }

    /// Runs the steps of tasks on the reactor's thread: for whoever does little but call PostgreSQL, one call after the other, and wants no other
    /// thread to be woken in between.
    package static let tasks = ReactorTasks()

    fileprivate func enqueueStep(_ job: UnownedJob) { put(.step(job)) }

    /// Runs `body` on the reactor's thread, after what was put before it. From any thread.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        put(.closure(body))
    }

    package func checkIsolated() { assertOnThread() }

    private func put(_ work: Work) {
        let wake = inbox.withLock { inbox in
            inbox.work.append(work)
            defer { inbox.asleep = false }
            return inbox.asleep
        }
        if wake {
            var one: UInt64 = 1
            write(wakeUp, &one, 8)
        }
    }

    private func assertOnThread() {
        precondition(pthread_equal(pthread_self(), thread) != 0, "not on the PostgreSQL reactor's thread")
    }
}

// What sources may ask for, on the reactor's thread.
extension PostgresReactor {
    /// Watches `socket` and returns the name of the registration, which keeps `source` alive until `unwatch`.
    func watch(_ socket: Int32, _ source: any ReactorSource) -> UInt64 {
        assertOnThread()
        lastToken += 1
        sources[lastToken] = source
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: lastToken))
        epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event)
        return lastToken
    }

    func change(_ token: UInt64, _ socket: Int32, writing: Bool) {
        var event = epoll_event(events: EPOLLIN.rawValue | (writing ? EPOLLOUT.rawValue : 0), data: epoll_data_t(u64: token))
        epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event)
    }

    /// `socket` is negative when libpq has closed it already.
    func unwatch(_ token: UInt64, _ socket: Int32) {
        assertOnThread()
        sources[token] = nil
        if socket >= 0 { epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nil) }
    }

    /// Calls `body` once at `deadline`, on the reactor's thread. There are a few timers a connection, so a scan finds the next.
    func timer(at deadline: PostgresDeadline, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        assertOnThread()
        lastToken += 1
        timers[lastToken] = (deadline, body)
        return lastToken
    }

    func cancelTimer(_ token: UInt64) {
        assertOnThread()
        timers[token] = nil
    }
}

extension PostgresReactor {
    private func run() {
        thread = pthread_self()
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        var batch = Deque<Work>()
        while true {
            let count = Int(epoll_wait(epoll, &events, Int32(events.count), sleepMilliseconds()))
            inbox.withLock { $0.asleep = false }
            for index in 0..<max(0, count) {
                let token = events[index].data.u64
                if token == 0 {
                    var ignored: UInt64 = 0
                    read(wakeUp, &ignored, 8)
                } else {
                    sources[token]?.ready(events[index].events)
                }
            }
            fireTimers()
            // What a step of a task makes ready is run before the sockets are looked at again, for some rounds.
            for _ in 0..<Self.rounds {
                inbox.withLock { swap(&batch, &$0.work) }
                if batch.isEmpty { break }
                while let work = batch.popFirst() { run(work) }
            }
        }
    }

    private static let rounds = 8

    private func run(_ work: Work) {
        switch work {
        case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .step(let job): job.runSynchronously(on: Self.tasks.asUnownedTaskExecutor())
        case .closure(let body): body()
        }
    }

    /// 0 when work is waiting; otherwise the time to the next timer, rounded up so that it has passed on waking.
    private func sleepMilliseconds() -> Int32 {
        let next = timers.values.lazy.map(\.at).min()
        let idle = inbox.withLock { inbox in
            inbox.asleep = inbox.work.isEmpty
            return inbox.asleep
        }
        guard idle else { return 0 }
        guard let next else { return -1 }
        let now = PostgresDeadline.now
        if next <= now { return 0 }
        return Int32(clamping: (next.nanoseconds - now.nanoseconds + 999_999) / 1_000_000)
    }

    private func fireTimers() {
        guard !timers.isEmpty else { return }
        let now = PostgresDeadline.now
        for (token, timer) in timers where timer.at <= now {
            // A body before this one may have cancelled it.
            if timers.removeValue(forKey: token) != nil { timer.body() }
        }
    }
}

package final class ReactorTasks: TaskExecutor {
    package func enqueue(_ job: consuming ExecutorJob) { PostgresReactor.shared.enqueueStep(UnownedJob(job)) }
}

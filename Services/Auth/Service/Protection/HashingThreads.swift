import DequeModule
import Dispatch
import Foundation
import Synchronization

/// Threads for work that fills a core for long. They are nice to others (on Linux a nice value is a thread's own, setpriority(2)): while passwords are
/// hashed, chat goes first.
final class HashingThreads: Sendable {
    private struct State {
        var jobs: Deque<@Sendable () -> Void> = []
        var stopped = false
    }
    private let state = Mutex(State())
    private let waiting = DispatchSemaphore(value: 0)
    private let count: Int

    private static let niceness: Int32 = 10

    init(_ count: Int) {
        self.count = count
        for _ in 0..<count {
            let thread = Thread { [self] in
                _ = nice(Self.niceness)
                while let job = next() { job() }
            }
            thread.name = "hashing"
            thread.start()
        }
    }

    /// Never more at once than there are threads: whoever calls it sees to that.
    func run(_ job: @escaping @Sendable () -> Void) {
        state.withLock { $0.jobs.append(job) }
        waiting.signal()
    }

    /// Lets the threads end, once nothing is left to do.
    func stop() {
        state.withLock { $0.stopped = true }
        for _ in 0..<count { waiting.signal() }
    }

    private func next() -> (@Sendable () -> Void)? {
        while true {
            waiting.wait()
            let (job, ended) = state.withLock { ($0.jobs.popFirst(), $0.stopped) }
            if let job { return job }
            if ended { return nil }
        }
    }
}

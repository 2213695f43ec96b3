import Synchronization

/// How many `POST /rpc` are being answered: a stop waits for them as it does for requests on other doors.
final class OpenCalls: Sendable {
    private let count = Atomic<Int>(0)
    private let ending = Atomic<Bool>(false)

    var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }
    /// Further ones are refused.
    func refuse() { ending.store(true, ordering: .relaxed) }
    var isRefused: Bool { ending.load(ordering: .relaxed) }
    func begin() { count.add(1, ordering: .relaxed) }
    func end() { count.subtract(1, ordering: .relaxed) }
}

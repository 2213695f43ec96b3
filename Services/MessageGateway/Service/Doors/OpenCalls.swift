import Synchronization

/// How many `POST /rpc` are being answered: a stop waits for them as it does for requests on other doors.
final class OpenCalls: Sendable {
    private let count = Atomic<Int>(0)

    var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }
    func begin() { count.add(1, ordering: .relaxed) }
    func end() { count.subtract(1, ordering: .relaxed) }
}

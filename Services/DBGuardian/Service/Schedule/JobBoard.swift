import EverlineCryptography
import EverlineProtocol
import Foundation

/// What `serve` does, is to do and has done since it started, for whoever asks. Nothing here is needed after a restart: what was
/// done is in the repository.
actor JobBoard {
    struct Entry: Encodable, Sendable {
        let job: String
        /// The verb, as at the prompt.
        let kind: String
        var state = State.waiting
        var startedAt: String?
        var finishedAt: String?
        /// The last that it said of how far it is.
        var progress: String?
        var step: Saying?
        /// Why it failed.
        var message: String?
        var failure: Saying?
    }

    enum State: String, Encodable, Sendable { case waiting, running, done, failed }

    /// More than these are not kept; the oldest that have ended go first.
    private static let most = 50
    /// Of those that were asked for and wait.
    private static let mostWaiting = 8

    private(set) var entries: [Entry] = []
    /// When the last one ended.
    private(set) var lastEnd: ContinuousClock.Instant?
    private var asked: [(job: String, verb: [String])] = []
    private var doorbell: CheckedContinuation<Void, Never>?

    // MARK: Asked for

    /// - Returns: the job's name; that of one which waits or goes on already, if there is one of the kind.
    func ask(_ verb: [String]) throws -> String {
        let kind = verb.joined(separator: " ")
        if let same = entries.first(where: { $0.kind == kind && ($0.state == .waiting || $0.state == .running) }) {
            return same.job
        }
        guard asked.count < Self.mostWaiting else {
            throw RPCError(.overloaded, detail: "too many jobs wait", retryAfterMs: 60_000)
        }
        let job = try add(kind)
        asked.append((job, verb))
        doorbell?.resume()
        doorbell = nil
        return job
    }

    /// The next that was asked for; waits for one.
    /// - Throws: `CancellationError`.
    func next() async throws -> (job: String, verb: [String]) {
        while asked.isEmpty {
            try Task.checkCancellation()
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    if Task.isCancelled || !asked.isEmpty { return continuation.resume() }
                    doorbell = continuation
                }
            } onCancel: {
                Task { await self.wake() }
            }
        }
        try Task.checkCancellation()
        return asked.removeFirst()
    }

    private func wake() {
        doorbell?.resume()
        doorbell = nil
    }

    // MARK: How it goes

    func add(_ kind: String) throws -> String {
        let job = "\(Timestamp.now.compact)-\(Hex.encode(try SecureRandom.bytes(2)))"
        entries.append(Entry(job: job, kind: kind))
        while entries.count > Self.most, let old = entries.firstIndex(where: { $0.state == .done || $0.state == .failed }) {
            entries.remove(at: old)
        }
        return job
    }

    func begin(_ job: String) {
        change(job) {
            $0.state = .running
            $0.startedAt = Timestamp.now.description
        }
    }

    /// One that waits for another's lock says so.
    func tell(_ job: String, _ step: Saying) {
        change(job) {
            guard $0.finishedAt == nil else { return }
            $0.progress = step.text
            $0.step = step
            $0.state = step.isOf(.waitingForJob) ? .waiting : .running
        }
    }

    /// - Parameter why: what it said of it itself.
    func end(_ job: String, _ failure: (any Error)?, why: Saying? = nil) {
        lastEnd = .now
        change(job) {
            $0.state = failure == nil ? .done : .failed
            $0.finishedAt = Timestamp.now.description
            $0.message = failure.map { Saying($0).text }
            $0.failure = failure.map { why ?? Saying($0) }
        }
    }

    private func change(_ job: String, _ body: (inout Entry) -> Void) {
        guard let index = entries.firstIndex(where: { $0.job == job }) else { return }
        body(&entries[index])
    }
}

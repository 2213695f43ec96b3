import Synchronization

/// Sessions that have ended and of which Redis may not know. For as long as an entry there can live: then there is nothing left to tell.
final class UntoldEnds: Sendable {
    private let ends = Mutex<[SessionHash: ContinuousClock.Instant]>([:])

    /// More are not kept: a session's entry ends by itself within a minute.
    private static let bound = 10_000

    func add(_ hashes: [SessionHash]) {
        ends.withLock { ends in
            for hash in hashes where ends.count < Self.bound { ends[hash] = .now }
        }
    }

    func remove(_ hash: SessionHash) { _ = ends.withLock { $0.removeValue(forKey: hash) } }
    func contains(_ hash: SessionHash) -> Bool { ends.withLock { $0[hash] != nil } }

    /// Those that ended no longer ago than this; the older ones are dropped.
    func young(milliseconds: Int64) -> [SessionHash] {
        ends.withLock { ends in
            if ends.isEmpty { return [] }
            let oldest = ContinuousClock.now - .milliseconds(milliseconds)
            ends = ends.filter { $0.value > oldest }
            return Array(ends.keys)
        }
    }
}

import Synchronization

/// Sessions that have ended, for as long as an entry of them in Redis can live, and whether Redis was told: then there is nothing left to tell.
package final class RecentEnds: Sendable {
    private struct End {
        let at = ContinuousClock.now
        var isTold = false
    }
    private let ends = Mutex<[SessionHash: End]>([:])

    /// More are not kept: a session's entry ends by itself within a minute.
    private static let bound = 100_000

    package init() {}

    func add(_ hashes: [SessionHash]) {
        ends.withLock { ends in
            for hash in hashes where ends.count < Self.bound { ends[hash] = End() }
        }
    }

    func told(_ hash: SessionHash) { ends.withLock { $0[hash]?.isTold = true } }
    func contains(_ hash: SessionHash) -> Bool { ends.withLock { $0[hash] != nil } }

    /// What Redis was told last it may have lost, as a replica does that takes its master's place too early.
    package func tellAgain() {
        ends.withLock { ends in
            for hash in ends.keys { ends[hash]?.isTold = false }
        }
    }

    /// Those that Redis is to be told of and that ended no longer ago than this; whatever is older is dropped.
    func untold(milliseconds: Int64) -> [SessionHash] {
        ends.withLock { ends in
            if ends.isEmpty { return [] }
            let oldest = ContinuousClock.now - .milliseconds(milliseconds)
            ends = ends.filter { $0.value.at > oldest }
            return ends.filter { !$0.value.isTold }.map(\.key)
        }
    }
}

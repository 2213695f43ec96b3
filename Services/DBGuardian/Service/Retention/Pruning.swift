import EverlineProtocol
package import EverlineService
import Foundation

/// `backup prune`: plans for each repository, and does it if told to.
package struct Pruning: Sendable {
    private let room: JobRoom
    private let retention: Retention

    package init(_ settings: Settings, progress: JobProgress) async throws {
        room = try await JobRoom("backup prune", settings, progress: progress)
        retention = Retention(
            weekly: try settings.int("retention.weekly", in: 1...1_000), days: try settings.int("retention.days", in: 0...3_650),
            dumps: try settings.int("retention.dumps", in: 1...1_000))
    }

    /// A repository's path and what goes there.
    package typealias Planned = (place: String, plan: PrunePlan)

    package func plan() throws -> [Planned] {
        try room.repositories.systems().map { ($0.repository.storage.place, try retention.plan($0, now: .now)) }
    }

    /// Carries the plans out. Each step leaves something that is whole: a backup stops being one before its files go, and its
    /// WAL goes after it.
    package func carryOut() async throws -> [Planned] {
        var done: [Planned] = []
        for system in try room.repositories.systems() {
            let storage = system.repository.storage
            let lock = try await JobRoom.wait(for: "reading", storage, "backup prune", seconds: 60, room.progress)
            let plan = try retention.plan(system, now: .now)
            for decision in plan.delete {
                room.progress.step(.removing, ["backup": .text(decision.id)])
                try Catalogue(system).remove(decision.id)
            }
            for id in plan.unfinished { try storage.remove("\(system.backups)/\(id)") }
            try removeWAL(plan, system)
            if !plan.ledgers.isEmpty {
                let ledgers = try await JobRoom.wait(for: "ledger", storage, "backup prune", seconds: 60, room.progress)
                try LedgerShelf(system).remove(plan.ledgers)
                withExtendedLifetime(ledgers) {}
            }
            try system.repository.write(LastPruned(at: Timestamp.now.description), to: "\(system.root)/pruned.json")
            done.append((storage.place, plan))
            withExtendedLifetime(lock) {}
        }
        return done
    }

    private func removeWAL(_ plan: PrunePlan, _ system: System) throws {
        guard !plan.wal.isEmpty else { return }
        let storage = system.repository.storage
        var kept = try KeptWAL.read(system)
        let size = try WALInventory(system).segmentSize
        for part in plan.wal {
            if let first = SegmentName(part.keptFrom, size: size) { kept.from[part.timeline] = first.number }
        }
        // Before they go: what is missing from here on is missing on purpose.
        try kept.write(system)
        for part in plan.wal {
            let folder = "\(system.wal)/\(ArchiveFile.folder(part.keptFrom))"
            for name in try storage.list(folder) where name.prefix(24) < part.keptFrom {
                // History files stay: they say how timelines hang together.
                if case .history = ArchiveFile(name) { continue }
                try storage.remove("\(folder)/\(name)")
            }
        }
    }
}

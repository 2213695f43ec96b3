import Foundation

/// `backup rebuild`: manifests, and all lists by which something is missed, from what is there.
package struct Rebuilding: Sendable {
    private let room: JobRoom

    package init(_ room: JobRoom) { self.room = room }

    /// - Returns: what was done, one line each.
    package func rebuild(_ system: System) async throws -> [String] {
        room.progress.step(.looking, ["place": .text(system.repository.storage.place)])
        var done = try Catalogue(system).rebuild()
        let lock = try await JobRoom.wait(for: "ledger", system.repository.storage, "backup rebuild", seconds: 60, room.progress)
        done += try LedgerShelf(system).rebuildList().map { "ledger \($0) is gone and was taken off the list" }
        withExtendedLifetime(lock) {}
        return try done + ArchivedWAL.rebuild(system)
    }
}

extension ArchivedWAL {
    /// Begins anew with what is there.
    static func rebuild(_ system: System) throws -> [String] {
        let inventory = try WALInventory(system)
        var there = ArchivedWAL()
        for timeline in inventory.timelines { there.upTo[timeline] = inventory.newest(of: timeline).whole }
        let known = try whole(or: ArchivedWAL()) { try read(system) }
        guard there.upTo != known.upTo else { return [] }
        try system.repository.write(there, to: "\(system.root)/\(name)")
        return ["made \(system.root)/\(name) anew"]
    }
}

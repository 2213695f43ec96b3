import Foundation

/// The ledgers of a system in one repository.
package struct LedgerShelf: Sendable {
    private let system: System

    package init(_ system: System) { self.system = system }

    /// Their ids, the oldest first.
    package func ids() throws -> [String] {
        try system.repository.storage.list(system.ledger).filter { $0.hasSuffix(Ledger.suffix) }
            .map { String($0.dropLast(Ledger.suffix.count)) }
    }

    package func ledger(_ id: String) throws -> Ledger? {
        var bytes: [UInt8] = []
        guard try system.repository.decode(Self.name(id, system), { bytes += $0 }) != nil else { return nil }
        return try JSONDecoder().decode(Ledger.self, from: Data(bytes))
    }

    /// The newest that satisfies the condition and can be read.
    package func newest(where fits: (Ledger) -> Bool = { _ in true }) throws -> Ledger? {
        for id in try ids().reversed() {
            if let ledger = try ledger(id), fits(ledger) { return ledger }
        }
        return nil
    }

    /// The same for those who only estimate by it: one that is damaged, which `verify` names, gives way to the one before it.
    package func newestWhole(where fits: (Ledger) -> Bool = { _ in true }) throws -> Ledger? {
        for id in try ids().reversed() {
            do {
                if let ledger = try ledger(id), fits(ledger) { return ledger }
            } catch is DamageError {}
        }
        return nil
    }

    // MARK: Changing it, under the lock `ledger`

    package func add(_ ledger: Ledger) throws {
        let bytes = Array(try JSONEncoder().encode(ledger))
        _ = try system.repository.encode(Self.name(ledger.id, system)) { try $0.write(bytes) }
        try writeList()
    }

    /// First they leave the list, then their files go.
    package func remove(_ ids: [String]) throws {
        guard !ids.isEmpty else { return }
        try writeList(without: Set(ids))
        for id in ids { try system.repository.storage.remove(Self.name(id, system)) }
    }

    // MARK: The list

    package static func name(_ id: String, _ system: System) -> String { "\(system.ledger)/\(id)\(Ledger.suffix)" }

    package func list() throws -> LedgerList {
        try system.repository.document("\(system.root)/\(LedgerList.name)") ?? LedgerList()
    }

    /// Ids that are in the list and have no file any more.
    package func missing() throws -> [String] {
        let there = Set(try ids())
        return try list().ledgers.map(\.id).filter { !there.contains($0) }
    }

    /// Makes the list from what is there.
    /// - Returns: the ids that are gone.
    package func rebuildList() throws -> [String] {
        let gone = try whole(or: []) { try missing() }
        try writeList(without: Set(gone))
        return gone
    }

    /// Takes in what is there, and lets go only what it is told to: what went otherwise is missed.
    private func writeList(without gone: Set<String> = []) throws {
        var known = try whole(or: LedgerList()) { try list() }.ledgers.filter { !gone.contains($0.id) }
        let listed = Set(known.map(\.id))
        for id in try ids() where !listed.contains(id) && !gone.contains(id) {
            guard let ledger = try whole(or: nil, { try ledger(id) }) else { continue }
            known.append(.init(id: id, timeline: ledger.timeline, lsn: ledger.lsn, at: ledger.at))
        }
        try system.repository.write(LedgerList(ledgers: known.sorted { $0.id < $1.id }), to: "\(system.root)/\(LedgerList.name)")
    }
}

/// `ledgers.json` of a system: all ledgers with their places in the WAL, so that one that vanished is missed, and what they
/// need of the archive is known without reading each.
package struct LedgerList: Codable, Sendable {
    package var ledgers: [Entry] = []

    package struct Entry: Codable, Sendable {
        package let id: String
        package let timeline: UInt32
        package let lsn: LSN
        /// Microseconds since 1970.
        package let at: Int64
    }

    package static let name = "ledgers.json"
}

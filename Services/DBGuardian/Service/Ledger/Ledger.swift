import EverlineProtocol
import Foundation

/// What was in the database at one moment of its history, exactly: the moment of a restore point at which no append was under
/// way. Kept beside the backups;
/// a drill restores to the point and must find just this.
package struct Ledger: Codable, Sendable {
    /// Also the restore point's name.
    package let id: String
    package let system: String
    package let timeline: UInt32
    package let lsn: LSN
    /// The restore point's time; microseconds since 1970.
    package let at: Int64
    package let epoch: String
    package let rooms: [Room]
    package let totals: Totals
    /// Everything that roles may do and are, as a digest, and the numbers of the migrations.
    package let roles: String
    package let migrations: [String]

    /// One room. Digests are sums of hashes of rows, so that what is new can be added to what was known.
    package struct Room: Codable, Sendable, Equatable {
        package let id: Int64
        package let name: String
        package let lastSeq: Int64
        package let lastRev: Int64
        package let membersRev: Int64
        /// Over what never changes of all messages 1…lastSeq, and of all revisions 1…lastRev.
        package let identity: String
        /// The first message that `content` is over: what is new since the ledger before.
        package let contentFrom: Int64
        /// Over all of the messages contentFrom…lastSeq, their text too.
        package let content: String
    }

    package struct Totals: Codable, Sendable, Equatable {
        package let messages: Int64
        package let users: Int64
        package let rooms: Int64
        package let members: Int64
        /// Over users, without what each login may change, and over rooms and members.
        package let digest: String
    }

    package static let prefix = "everline-"
    package static let suffix = ".ledger"
}

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
        guard try system.repository.decode("\(system.ledger)/\(id)\(Ledger.suffix)", { bytes += $0 }) != nil else { return nil }
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

    package func add(_ ledger: Ledger) throws {
        let bytes = Array(try JSONEncoder().encode(ledger))
        _ = try system.repository.encode("\(system.ledger)/\(ledger.id)\(Ledger.suffix)") { try $0.write(bytes) }
    }

    package func remove(_ id: String) throws { try system.repository.storage.remove("\(system.ledger)/\(id)\(Ledger.suffix)") }
}

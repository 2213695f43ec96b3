import EverlineProtocol
import Foundation

/// What a drill found. Also kept beside the backups, by its time.
package struct DrillResult: Codable, Sendable {
    package var ok: Bool
    /// Which one was used; absent from records of older versions.
    package var repository: String?
    package var backup: String
    /// The newest ledger that was restored to and compared.
    package var target: String
    /// The older one, restored to on the way or on its own; nil if there is none.
    package var older: String?
    package var rooms: Int64
    package var messages: Int64
    /// How old what was restored last was when the drill began: what a disaster at that moment would have cost.
    package var rpoSeconds: Double
    /// How long it took until a restored server answered.
    package var rtoSeconds: Double
    package private(set) var differences: [String] = []
    /// The same by kind; absent from records of older versions.
    package private(set) var sayings: [Saying]?
    package var at: String
}

extension DrillResult {
    mutating func add(_ found: [Saying]) {
        differences += found.map(\.text)
        sayings = (sayings ?? []) + found
    }

    /// A drill that could not even begin.
    package static func failed(_ error: any Error, in place: String? = nil) -> DrillResult {
        var result = DrillResult(
            ok: false, repository: place, backup: "", target: "", older: nil, rooms: 0, messages: 0, rpoSeconds: 0, rtoSeconds: 0,
            at: Timestamp.now.description)
        result.add([Saying(error)])
        return result
    }
}

/// The drills of a system.
package struct DrillRecords: Sendable {
    private let system: System

    package init(_ system: System) { self.system = system }

    package func add(_ result: DrillResult) throws {
        guard let at = Timestamp(result.at) else { return }
        try system.repository.write(result, to: "\(system.drills)/\(at.compact)-\(UInt16.random(in: 0 ... .max)).json")
    }

    /// The last of them, the newest last. One that is damaged is left out; `verify` names it.
    package func newest(_ most: Int) throws -> [DrillResult] {
        try system.repository.storage.list(system.drills).suffix(most).compactMap { name in
            try whole(or: nil) { try system.repository.document("\(system.drills)/\(name)", as: DrillResult.self) }
        }
    }

    package func newest() throws -> DrillResult? {
        guard let name = try system.repository.storage.list(system.drills).last else { return nil }
        return try system.repository.document("\(system.drills)/\(name)")
    }
}

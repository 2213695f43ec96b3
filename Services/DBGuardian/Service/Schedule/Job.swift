package import EverlineProtocol
import Foundation

/// Something that the guardian does from time to time, as a verb of its own command line.
package struct Job: Sendable {
    package let name: String
    package let verb: [String]
    /// Seconds between runs; 0 for never.
    package let interval: Int
    /// When it was last done, by what is in a repository; so what was missed while nothing ran is caught up.
    package let last: @Sendable (System) throws -> Timestamp?
    /// Whether there is anything to do it with.
    package let possible: @Sendable (System) throws -> Bool

    /// When it is to run next; nil for never.
    /// - Parameter systems: of each repository; nil for one that is empty. The one that is furthest behind counts.
    func due(_ systems: [System?]) throws -> Timestamp? {
        guard interval > 0 else { return nil }
        let there = systems.compactMap { $0 }
        if there.count < systems.count, name == "backup base" { return Timestamp(milliseconds: 0) }
        guard !there.isEmpty, try there.allSatisfy(possible) else { return nil }
        let earliest = try there.map { try last($0)?.milliseconds ?? 0 }.min() ?? 0
        return Timestamp(milliseconds: earliest + Int64(interval) * 1_000)
    }

    /// In the order in which they go when several are due.
    package static func all(interval: (String) throws -> Int) throws -> [Job] {
        func newest(_ kind: BackupKind) -> @Sendable (System) throws -> Timestamp? {
            { system in
                try Catalogue(system).all().last { $0.manifest.kind == kind }.flatMap { Timestamp($0.manifest.finishedAt) }
            }
        }
        let always: @Sendable (System) throws -> Bool = { _ in true }
        return [
            Job(
                name: "backup base", verb: ["backup", "base"], interval: try interval("schedule.base"), last: newest(.base),
                possible: always),
            Job(
                name: "drill", verb: ["drill"], interval: try interval("schedule.drill"),
                last: { try DrillRecords($0).newest().flatMap { Timestamp($0.at) } },
                possible: { try Catalogue($0).all().contains { $0.manifest.kind == .base } }),
            Job(
                name: "backup database", verb: ["backup", "database"], interval: try interval("schedule.dump"),
                last: newest(.database),
                possible: always),
            Job(
                name: "backup prune", verb: ["backup", "prune", "--yes"], interval: try interval("schedule.prune"),
                last: { try $0.repository.document("\($0.root)/pruned.json", as: LastPruned.self).flatMap { Timestamp($0.at) } },
                possible: { try Catalogue($0).all().contains { $0.isProven } }),
        ]
    }
}

/// `pruned.json` of a system: when it was last looked through.
package struct LastPruned: Codable, Sendable {
    package let at: String
    package init(at: String) { self.at = at }
}

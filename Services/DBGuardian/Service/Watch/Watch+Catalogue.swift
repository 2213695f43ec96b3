import EverlinePostgres
import Foundation
import Logging

extension Watch {
    /// Beyond this, differences are no evidence any more but a flood.
    private static let mostDifferences = 2_000
    /// A record of a statement is in the log long before.
    private static let grace = Duration.milliseconds(1_500)

    /// The first look, which everything later is compared with.
    func learnCatalogue() async throws {
        known.cluster = try await SnapshotQueries.cluster(session)
        for name in databases { known.databases[name] = try await look(into: name) }
        scene.cluster = known.cluster
        if keepsState { try await store.keep(known) }
    }

    private var databases: [String] {
        (known.cluster.things["database"] ?? [:]).filter { $0.value.contains("connections=t") }.keys.sorted()
    }

    private func look(into database: String) async throws -> Snapshot? {
        if database == scene.database {
            return try await SnapshotQueries.database { try await session.execute($0, deadline: .seconds(20)) }
        }
        // For a moment only: whoever wants to drop or copy a database finds nobody in it.
        var configuration = try settings.watch()
        configuration.conninfo +=
            " dbname='\(database.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'"))'"
        let connection: PostgresConnection
        do {
            connection = try await PostgresConnection.connect(configuration, logger: logger)
        } catch let error as PostgresError {
            logger.debug("a database cannot be looked into", metadata: ["database": "\(database)", "error": "\(error)"])
            return nil
        }
        defer { Task { await connection.close() } }
        return try await SnapshotQueries.database { try await connection.execute($0, deadline: .seconds(20)) }
    }

    func lookAtCatalogue() async throws {
        let cluster = try await SnapshotQueries.cluster(session)
        scene.now = Int64(Date().timeIntervalSince1970 * 1_000) + ahead
        note(cluster.differences(from: known.cluster, in: nil))
        known.cluster = cluster
        scene.cluster = cluster
        scene.superusers = Set((cluster.things["role"] ?? [:]).filter { $0.value.hasPrefix("superuser=t") }.keys)
        let names = databases
        for name in known.databases.keys where !names.contains(name) { known.databases[name] = nil }
        for name in names {
            if name != scene.database {
                let isDue = looked["database \(name)"].map { .now - $0 > .seconds(60) } ?? true
                guard isDue || written[name] != writtenThen[name] else { continue }
                looked["database \(name)"] = .now
                writtenThen[name] = written[name]
            }
            guard let found = try await look(into: name) else { continue }
            if let before = known.databases[name] {
                note(found.differences(from: before, in: name))
            } else if let template = known.databases["template1"] {
                // A new database is a copy of its template; what it has beyond that was put there.
                note(found.differences(from: template, in: name).filter { $0.before == nil })
            }
            known.databases[name] = found
        }
        hasCatalogueToKeep = true
    }

    private func note(_ differences: [Difference]) {
        for difference in differences where unexplained.count < Self.mostDifferences {
            unexplained.append(Unexplained(difference: difference, seen: .now, milliseconds: scene.now))
        }
    }

    /// Differences that a record explains go to the rules with it, the others when the record should have come.
    func explain() {
        var rest: [Unexplained] = []
        for one in unexplained {
            let deed = deeds.explanation(of: one.difference, seen: one.milliseconds)
            guard deed != nil || (isCaughtUp && .now - one.seen > Self.grace) else {
                rest.append(one)
                continue
            }
            for index in rules.indices { raise(rules[index].see(one.difference, explained: deed, scene)) }
        }
        unexplained = rest
    }

    /// Only when every difference was judged: what was not is seen again after a restart.
    func keepCatalogue() async throws {
        guard keepsState, hasCatalogueToKeep, unexplained.isEmpty, known != keptCatalogue else { return }
        hasCatalogueToKeep = false
        keptCatalogue = known
        try await store.keep(known)
    }
}

import EverlinePostgres
import Foundation
import Logging

extension Watch {
    /// Beyond this, differences are no evidence any more but a flood.
    private static let mostDifferences = 2_000
    /// A record of a statement is in the log long before.
    static let grace = Duration.milliseconds(1_500)

    /// The first look, which everything later is compared with.
    func learnCatalogue() async throws {
        known.cluster = try await SnapshotQueries.cluster(session)
        known.looks[Self.cluster] = scene.now
        for name in databases {
            known.looks[name] = scene.now
            known.databases[name] = try await look(into: name)
        }
        scene.cluster = known.cluster
        if keepsState { try await store.keep(known) }
    }

    /// What stands for the cluster among the databases; none can be called so.
    private static let cluster = ""

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
        let begun = now
        let cluster = try await SnapshotQueries.cluster(session)
        scene.now = now
        note(cluster.differences(from: known.cluster, in: nil), since: known.looks[Self.cluster])
        known.cluster = cluster
        known.looks[Self.cluster] = begun
        scene.cluster = cluster
        scene.superusers = Set((cluster.things["role"] ?? [:]).filter { $0.value.hasPrefix("superuser=t") }.keys)
        let names = databases
        for name in known.databases.keys where !names.contains(name) {
            known.databases[name] = nil
            known.looks[name] = nil
        }
        for name in names {
            if name != scene.database {
                let isDue = looked["database \(name)"].map { .now - $0 > .seconds(60) } ?? true
                guard isDue || written[name] != writtenThen[name] else { continue }
                looked["database \(name)"] = .now
                writtenThen[name] = written[name]
            }
            let begun = now
            guard let found = try await look(into: name) else { continue }
            scene.now = now
            if let before = known.databases[name] {
                note(found.differences(from: before, in: name), since: known.looks[name])
            } else if let template = known.databases["template1"] {
                // A new database is a copy of its template; what it has beyond that was put there.
                note(found.differences(from: template, in: name).filter { $0.before == nil }, since: nil)
            }
            known.databases[name] = found
            known.looks[name] = begun
        }
        hasCatalogueToKeep = true
    }

    /// Now, by the server's clock.
    private var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) + ahead }

    /// - Parameter since: when the look before this one began; nil if there was none, or nobody knows.
    private func note(_ differences: [Difference], since: Int64?) {
        let minute = scene.now - 90_000
        // A clock that was set back makes the look before a later one.
        let before = since.map { $0 > scene.now ? minute : $0 } ?? minute
        for difference in differences where unexplained.count < Self.mostDifferences {
            unexplained.append(Unexplained(difference: difference, seen: .now, milliseconds: scene.now, before: before))
        }
    }

    /// Differences that a record explains go to the rules with it, the others when the record should have come.
    func explain() {
        var rest: [Unexplained] = []
        for one in unexplained {
            let deed = deeds.explanation(of: one.difference, seen: one.milliseconds, before: one.before)
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
        guard keepsState, hasCatalogueToKeep, unexplained.isEmpty else { return }
        let isOld = (known.looks[Self.cluster] ?? 0) - (keptCatalogue.looks[Self.cluster] ?? 0) > 30_000
        guard isOld || known.cluster != keptCatalogue.cluster || known.databases != keptCatalogue.databases else { return }
        hasCatalogueToKeep = false
        keptCatalogue = known
        try await store.keep(known)
    }
}

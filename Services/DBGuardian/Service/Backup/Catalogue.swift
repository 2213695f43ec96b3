import EverlineProtocol
import Foundation

/// The backups of a system in one repository: a manifest each, and besides the list of all ids, by which a backup that was
/// removed by somebody else is
/// missed. Both can be made anew from the files (`backup rebuild`).
package struct Catalogue: Sendable {
    package let system: System
    private var repository: Repository { system.repository }
    private var listName: String { "\(system.root)/catalogue.json" }

    package init(_ system: System) { self.system = system }

    private struct List: Codable { let backups: [String] }

    /// All backups that can be read, the oldest first. One whose manifest is damaged stands in its neighbours' way no more than
    /// one that is missing: `damaged` names it.
    package func all() throws -> [Backup] {
        try ids().compactMap { id in try whole(or: nil) { try backup(id) } }
            .sorted { ($0.manifest.startedAt, $0.manifest.id) < ($1.manifest.startedAt, $1.manifest.id) }
    }

    /// Backups whose manifests are damaged.
    package func damaged() throws -> [DamagedBackup] {
        try ids().compactMap { id in
            do { _ = try backup(id) } catch let error as DamageError {
                return DamagedBackup(id: id, place: repository.storage.place, damage: error)
            }
            return nil
        }
    }

    /// The names in the folder of backups, whole or not.
    package func ids() throws -> [String] { try repository.storage.list(system.backups) }

    /// Beginnings of backups: without a manifest and not in the list; where there is no list, without the manifest's copy too, from which one could be made.
    package func unfinished() throws -> [String] {
        let listed = try repository.document(listName, as: List.self)?.backups
        return try ids().filter { id in
            let names = [BackupManifest.name] + (listed == nil ? [BackupManifest.copyName] : [])
            return try listed?.contains(id) != true
                && !names.contains { try repository.storage.size("\(system.backups)/\(id)/\($0)") != nil }
        }
    }

    /// Makes the list where there is none yet, before the first backup begins.
    package func begin() throws {
        if try repository.storage.size(listName) == nil { try writeList() }
    }

    /// nil if there is no manifest: not a backup (yet).
    package func backup(_ id: String) throws -> Backup? {
        let folder = "\(system.backups)/\(id)"
        guard let manifest = try repository.document("\(folder)/\(BackupManifest.name)", as: BackupManifest.self) else {
            return nil
        }
        return Backup(
            system: system, manifest: manifest,
            // One of these that is damaged says nothing, so the backup counts as not verified, or not proven; `verify` names it.
            verified: try whole(or: nil) { try repository.document("\(folder)/\(BackupFinding.verifiedName)") },
            proven: try whole(or: nil) { try repository.document("\(folder)/\(BackupFinding.provenName)") })
    }

    /// - Throws: if there is no such backup, or its manifest is damaged.
    package func named(_ id: String) throws -> Backup {
        let found: Backup?
        do { found = try backup(id) } catch let error as DamageError {
            throw DamagedBackup(id: id, place: repository.storage.place, damage: error)
        }
        guard let found else {
            throw GuardianError("there is no backup \(id) in \(repository.storage.place)", hint: "`db-guardian backup list`")
        }
        return found
    }

    /// Makes a backup visible. The last step of making one.
    package func publish(_ manifest: BackupManifest) throws {
        let folder = "\(system.backups)/\(manifest.id)"
        let copy = Array(try JSONEncoder().encode(manifest))
        _ = try repository.encode("\(folder)/\(BackupManifest.copyName)") { try $0.write(copy) }
        try repository.write(manifest, to: "\(folder)/\(BackupManifest.name)", replacing: false)
        try writeList()
    }

    package func note(_ finding: BackupFinding, _ name: String, of id: String) throws {
        try repository.write(finding, to: "\(system.backups)/\(id)/\(name)")
    }

    /// Takes a backup away: first it stops being one, then its files go.
    package func remove(_ id: String) throws {
        try repository.storage.remove("\(system.backups)/\(id)/\(BackupManifest.name)")
        try repository.storage.remove("\(system.backups)/\(id)")
        try writeList()
    }

    /// Ids that were in the list and have no manifest any more; where there is no list, those that have its copy.
    package func missing() throws -> [String] {
        func has(_ id: String, _ name: String) throws -> Bool {
            try repository.storage.size("\(system.backups)/\(id)/\(name)") != nil
        }
        let known =
            try repository.document(listName, as: List.self)?.backups ?? ids().filter { try has($0, BackupManifest.copyName) }
        return try known.filter { try !has($0, BackupManifest.name) }
    }

    /// Makes manifests anew from their copies where they are lost or damaged, and the list from what is there.
    /// - Returns: what was done, one line each.
    package func rebuild() throws -> [String] {
        var done: [String] = []
        for id in try ids() {
            let name = "\(system.backups)/\(id)/\(BackupManifest.name)"
            do {
                if try repository.document(name, as: BackupManifest.self) != nil { continue }
            } catch is DamageError {}
            var bytes: [UInt8] = []
            guard try repository.decode("\(system.backups)/\(id)/\(BackupManifest.copyName)", { bytes += $0 }) != nil else {
                continue
            }
            let manifest = try JSONDecoder().decode(BackupManifest.self, from: Data(bytes))
            for file in manifest.files {
                guard try repository.storage.size("\(system.backups)/\(id)/\(file.name)") == file.storedBytes else {
                    throw DamageError(
                        "\(system.backups)/\(id)/\(file.name)", "it is missing or was cut, so \(id) cannot be made whole")
                }
            }
            try repository.write(manifest, to: name)
            done.append("made \(name) anew")
        }
        var missing: [String] = []
        // A damaged list is one of the things that are made anew here.
        do { missing = try self.missing() } catch is DamageError { done.append("made \(listName) anew") }
        try writeList()
        return done + missing.filter { (try? backup($0)) == nil }.map { "\($0) is gone and was taken off the list" }
    }

    private func writeList() throws {
        let ids = try ids().filter { try repository.storage.size("\(system.backups)/\($0)/\(BackupManifest.name)") != nil }
        try repository.write(List(backups: ids), to: listName)
    }
}

/// A backup whose manifest is damaged, so that nobody knows what it needs.
package struct DamagedBackup: Error, Sendable, CustomStringConvertible {
    package let id: String
    let place: String
    let damage: DamageError

    package var words: String {
        "backup \(id) in \(place) is left out: its manifest is damaged (\(damage.artefact): \(damage.problem))"
    }
    package var description: String {
        "the manifest of backup \(id) in \(place) is damaged (\(damage.artefact): \(damage.problem))\nHINT: \(Self.hint)"
    }
    static let hint = "`db-guardian backup rebuild` makes it anew from its copy; other backups can be restored meanwhile"
}

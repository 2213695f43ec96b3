import Foundation

/// One line of `backup list`.
package struct BackupLine: Codable, Sendable, CustomStringConvertible {
    package let id: String
    package let kind: String
    package let startedAt: String
    package let finishedAt: String
    package let bytes: Int
    package let storedBytes: Int
    /// Its files agreed with what was written when last read.
    package let verified: Bool
    /// It has been restored, and was found to be what it should.
    package let proven: Bool

    package init(_ manifest: BackupManifest, verified: Bool, proven: Bool) {
        id = manifest.id
        kind = manifest.kind.rawValue
        startedAt = manifest.startedAt
        finishedAt = manifest.finishedAt
        bytes = manifest.bytes
        storedBytes = manifest.storedBytes
        self.verified = verified
        self.proven = proven
    }

    package var description: String {
        let state = proven ? "proven" : verified ? "verified, not proven" : "NOT VERIFIED"
        return "\(id)  \(kind)  finished \(finishedAt)  \(bytes >> 20) MiB in \(storedBytes >> 20) MiB  \(state)"
    }
}

/// What there is to restore, over all repositories: a backup of any of them.
package struct BackupList: Sendable {
    package let backups: [Backup]
    /// What could not be looked at, each as a sentence: repositories that are gone, manifests that are damaged.
    package let warnings: [String]

    package init(_ repositories: Repositories) throws {
        var seen: Set<String> = []
        var found: [Backup] = []
        var warnings = repositories.lost.map(\.words)
        for repository in repositories.all where try !repository.systems().isEmpty {
            let catalogue = Catalogue(try repository.onlySystem(repositories.wanted))
            for backup in try catalogue.all() where seen.insert(backup.manifest.id).inserted {
                found.append(backup)
            }
            warnings += try catalogue.damaged().map { "\($0.words). HINT: \(DamagedBackup.hint)" }
            warnings += try whole(or: []) { try catalogue.missing() }.map {
                "backup \($0) in \(repository.storage.place) has lost its manifest. HINT: \(DamagedBackup.hint)"
            }
        }
        self.warnings = warnings
        backups = found.sorted { ($0.manifest.startedAt, $0.manifest.id) < ($1.manifest.startedAt, $1.manifest.id) }
    }

    package var lines: [BackupLine] { backups.map { BackupLine($0.manifest, verified: $0.isVerified, proven: $0.isProven) } }

    package func named(_ id: String) throws -> Backup {
        guard let found = backups.first(where: { $0.manifest.id == id }) else {
            throw GuardianError("there is no backup \(id)", hint: warnings.first ?? "`db-guardian backup list`")
        }
        return found
    }
}

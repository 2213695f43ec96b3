import EverlineProtocol
import Foundation

/// What a backup is made with.
package enum BackupKind: String, Codable, Sendable, CaseIterable {
    case base, database, cluster
}

/// `manifest.json` of a backup. A folder without one is no backup: it is written last, when all else is on the disk.
package struct BackupManifest: Codable, Sendable {
    package let id: String
    package let kind: BackupKind
    package let system: String
    /// RFC 3339.
    package let startedAt: String
    package let finishedAt: String
    /// The files' size before compression, and as they lie here.
    package let bytes: Int
    package let storedBytes: Int
    package let files: [File]
    /// PostgreSQL's major version.
    package let server: Int
    /// The name of the superuser that initdb made.
    package let superuser: String
    package let databases: [String]
    /// What must be there to restore it, for a person.
    package let needs: [String]
    /// Of a base backup only.
    package let wal: Range?
    package let extensions: [String]?

    package init(
        id: String, kind: BackupKind, system: String, startedAt: String, finishedAt: String, bytes: Int, storedBytes: Int,
        files: [File],
        server: Int, superuser: String, databases: [String], needs: [String], wal: Range?, extensions: [String]?
    ) {
        self.id = id
        self.kind = kind
        self.system = system
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.bytes = bytes
        self.storedBytes = storedBytes
        self.files = files
        self.server = server
        self.superuser = superuser
        self.databases = databases
        self.needs = needs
        self.wal = wal
        self.extensions = extensions
    }

    package struct File: Codable, Sendable {
        /// Within the backup's folder.
        package let name: String
        package let bytes: Int
        package let storedBytes: Int
    }

    /// From where to where a base backup must be replayed before it is consistent.
    package struct Range: Codable, Sendable {
        package let timeline: UInt32
        package let start: LSN
        package let stop: LSN
        package let segmentSize: UInt64
        /// A moment, by the server's clock, when it had ended: no earlier one can be restored with it. Microseconds since 1970.
        package let stoppedAt: Int64

        package init(timeline: UInt32, start: LSN, stop: LSN, segmentSize: UInt64, stoppedAt: Int64) {
            self.timeline = timeline
            self.start = start
            self.stop = stop
            self.segmentSize = segmentSize
            self.stoppedAt = stoppedAt
        }
    }

    package static let name = "manifest.json"
    /// The same once more, encoded: from it `backup rebuild` makes a lost or damaged one anew.
    package static let copyName = "manifest.copy"
}

/// What was found out about a backup after it was made; beside its manifest.
package struct BackupFinding: Codable, Sendable {
    package let at: String
    package let ok: Bool
    package let problems: [String]

    package init(at: String, ok: Bool, problems: [String] = []) {
        self.at = at
        self.ok = ok
        self.problems = problems
    }

    package static let verifiedName = "verified.json"
    package static let provenName = "proven.json"
}

/// A backup as the catalogue has it.
package struct Backup: Sendable {
    package let system: System
    package let manifest: BackupManifest
    /// The last verification; nil if there was none.
    package let verified: BackupFinding?
    /// The last drill; nil if there was none.
    package let proven: BackupFinding?

    package var folder: String { "\(system.backups)/\(manifest.id)" }
    package var isProven: Bool { proven?.ok == true && isVerified }
    package var isVerified: Bool { verified?.ok == true }
}

extension Timestamp {
    /// As in a backup's id: `20260131T080000Z`.
    package var compact: String {
        String(description.prefix(19)).filter { $0 != "-" && $0 != ":" } + "Z"
    }

    /// The same with milliseconds, for what must sort in the order in which it was made: 20260131T080000123Z.
    package var compactMilliseconds: String { description.filter { !"-:.".contains($0) } }
}

import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// `backup base`: PostgreSQL's files by pg_basebackup with the WAL streamed along, checked by pg_verifybackup, then packed,
/// encrypted and read back.
package struct BaseBackup: Sendable {
    private let room: JobRoom
    private let tools: PostgresTools
    private let logger: Logger

    /// What comes last out of a bundle: without it nothing that was unpacked halfway starts.
    static let last = "global/pg_control"

    package init(_ settings: Settings, progress: JobProgress, logger: Logger) async throws {
        room = try await JobRoom("backup base", settings, progress: progress)
        tools = try PostgresTools(settings)
        self.logger = logger
    }

    package func run() async throws -> BackupManifest {
        let guardian = try room.settings.own("backup base")
        let server = try await SourceServer(guardian, logger: logger)
        try tools.refuseOlder("pg_basebackup", than: server.major)
        for repository in room.repositories.all { _ = try WALArchive(repository).admit(server.system) }
        guard server.tablespaces.isEmpty else {
            throw GuardianError(
                "the cluster has tablespaces outside of its data directory (\(server.tablespaces.joined(separator: ", "))), which a base backup of ours does not hold",
                hint:
                    "move what lies in them (ALTER TABLE … SET TABLESPACE pg_default) and drop them; until then `backup cluster` keeps all of it"
            )
        }
        try room.clearLeftovers(server.system)
        let id = try room.newID(.base)
        let started = Timestamp.now
        return try await room.withStaging { staging in
            let data = "\(staging)/data"
            try copy(to: data, id)
            let stopped = try await SourceServer.now(guardian, logger: logger)
            // While it is packed: both read the same pages. Nothing is published before it has said that all is well.
            let added = try addConfiguration(data).map { "--ignore=\($0)" }
            async let checked = Blocking.run {
                try tools.tool("pg_verifybackup", ["--quiet", "--exit-on-error"] + added + [data]).succeed()
            }
            let range = try Self.range(data, stoppedAt: stopped, segmentSize: server.segmentSize)
            room.progress.step(.packing)
            let name = "systems/\(server.system)/backups/\(id)/base.tar"
            let file = try Bundle.pack(data, into: name, room.repositories.all, last: Self.last) {
                room.progress.bytes(.packed, $0)
            }
            room.progress.step(.checkingCopy)
            _ = try await checked
            let manifest = BackupManifest(
                id: id, kind: .base, system: server.system, startedAt: started.description, finishedAt: Timestamp.now.description,
                bytes: file.bytes, storedBytes: file.storedBytes, files: [file], server: server.major,
                superuser: server.superuser,
                databases: server.databases, needs: server.needs + room.repositories.keyNeeds, wal: range,
                extensions: server.extensions)
            try Publication(room).publish(manifest)
            await Aftermath(room, guardian, logger: logger).run(server.system)
            return manifest
        }
    }

    // MARK: Steps

    private func copy(to data: String, _ id: String) throws {
        let password = try PasswordFile(from: room.settings.string("replication.passwordFile"))
        let progress = room.progress
        let tool = tools.tool(
            "pg_basebackup",
            [
                "--pgdata=\(data)", "--format=plain", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-password",
                "--label=everline \(id)", "--progress", "--dbname=\(try room.settings.string("replication.conninfo"))",
            ], password: password, application: room.settings.applicationName("backup base"))
        progress.step(.copying)
        do {
            try tool.succeed(lines: {
                if $0.contains("kB (") { progress.step(.copyingPart, Self.copied($0.trimmingCharacters(in: .whitespaces))) }
            })
        } catch let error as GuardianError {
            throw error.hinting(
                "the backup was given up and nothing of it is kept; is role replicator let in (replication.conninfo)?")
        }
    }

    /// `12345/45678 kB (27%), 0/1 tablespace`
    private static func copied(_ line: String) -> [String: Saying.Value] {
        let numbers = line.split { !$0.isNumber }.prefix(3).compactMap { Int64($0) }
        guard numbers.count == 3 else { return ["text": .text(line)] }
        return [
            "text": .text(line), "done": .number(numbers[0]), "kibibytes": .number(numbers[1]), "percent": .number(numbers[2]),
        ]
    }

    /// A server's settings may lie outside its data directory, as Debian has them; without them what is restored would not
    /// start as it was.
    /// - Returns: what was added, which pg_verifybackup does not know.
    private func addConfiguration(_ data: String) throws -> [String] {
        let manager = FileManager.default
        var added: [String] = []
        for name in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"] where !manager.fileExists(atPath: "\(data)/\(name)") {
            guard let folder = room.settings.optional("backup.configuration") else {
                throw GuardianError(
                    "\(name) is not in the data directory, so the backup would lack it",
                    hint: "set backup.configuration to its folder")
            }
            guard manager.fileExists(atPath: "\(folder)/\(name)") else {
                throw GuardianError(
                    "there is no \(name) in \(folder)", hint: "backup.configuration is the folder of the server's settings")
            }
            try manager.copyItem(atPath: "\(folder)/\(name)", toPath: "\(data)/\(name)")
            added.append(name)
        }
        // Debian's postgresql.conf includes it, and does not start without.
        let included = "conf.d"
        if let folder = room.settings.optional("backup.configuration"), !added.isEmpty,
            manager.fileExists(atPath: "\(folder)/\(included)"), !manager.fileExists(atPath: "\(data)/\(included)")
        {
            try manager.copyItem(atPath: "\(folder)/\(included)", toPath: "\(data)/\(included)")
            added.append(included)
        }
        return added
    }

    /// From `backup_manifest`, PostgreSQL's own word for what must be replayed.
    private static func range(_ data: String, stoppedAt: Int64, segmentSize: UInt64) throws -> BackupManifest.Range {
        struct Manifest: Decodable {
            struct Range: Decodable {
                let timeline: UInt32
                let start: LSN
                let end: LSN
                enum CodingKeys: String, CodingKey {
                    case timeline = "Timeline"
                    case start = "Start-LSN"
                    case end = "End-LSN"
                }
            }
            let ranges: [Range]
            enum CodingKeys: String, CodingKey { case ranges = "WAL-Ranges" }
        }
        let manifest = try JSONDecoder().decode(
            Manifest.self, from: try Data(contentsOf: URL(fileURLWithPath: "\(data)/backup_manifest")))
        guard let first = manifest.ranges.min(by: { $0.start < $1.start }),
            let last = manifest.ranges.max(by: { $0.end < $1.end })
        else { throw GuardianError("backup_manifest has no WAL range") }
        return .init(
            timeline: last.timeline, start: first.start, stop: last.end, segmentSize: segmentSize, stoppedAt: stoppedAt)
    }
}

extension Repositories {
    /// Which key a new file needs to be read.
    package var keyNeeds: [String] { (first.keys?.names.last).map { ["key \($0) of the key file"] } ?? [] }
}

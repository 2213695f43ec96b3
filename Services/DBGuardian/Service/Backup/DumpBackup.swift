import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// `backup database` and `backup cluster`: pg_dump in directory format by several processes, with the roles that the dump is
/// worth nothing without.
package struct DumpBackup: Sendable {
    private let kind: BackupKind
    private let room: JobRoom
    private let tools: PostgresTools
    private let logger: Logger

    package init(_ kind: BackupKind, _ settings: Settings, progress: JobProgress, logger: Logger) async throws {
        self.kind = kind
        room = try await JobRoom("backup \(kind.rawValue)", settings, progress: progress)
        tools = try PostgresTools(settings)
        self.logger = logger
    }

    package func run() async throws -> BackupManifest {
        let settings = room.settings
        // A cluster has databases and secrets that only a superuser reads; the one database is read by its owner.
        let postgres =
            kind == .cluster
            ? try settings.superuser("backup cluster")
            : try settings.own("backup database")
        let server = try await SourceServer(postgres, logger: logger)
        for name in ["pg_dump", "pg_dumpall"] { try tools.refuseOlder(name, than: server.major) }
        for repository in room.repositories.all { _ = try WALArchive(repository).admit(server.system) }
        try room.clearLeftovers(server.system)
        guard let passwordFile = postgres.passwordFile else {
            throw GuardianError(
                "no password file is configured", hint: kind == .cluster ? "set roles.passwordFile" : "set postgres.passwordFile")
        }
        let password = try PasswordFile(from: passwordFile)
        let own = try await SourceServer.withConnection(postgres, logger) { connection in
            try await connection.query("SELECT current_database()::text").decode(0, 0, as: String.self)
        }
        let databases = kind == .cluster ? server.databases : [own]
        var extensions = Set(server.extensions)
        for database in databases { extensions.formUnion(try await extensionsOf(database, postgres)) }
        let needs =
            SourceServer.needs(server.major, extensions.sorted())
            + (kind == .cluster ? [] : ["passwords of the roles (`db-guardian roles` sets them)"]) + room.repositories.keyNeeds
        let id = try room.newID(kind)
        let started = Timestamp.now
        return try await room.withStaging { staging in
            let dump = "\(staging)/dump"
            guard mkdir(dump, 0o700) == 0 else { throw SystemError("cannot make the folder", dump) }
            try globals(to: "\(dump)/globals.sql", postgres.conninfo, own, password)
            for database in databases {
                let folder = "\(dump)/\(DumpRestore.folder(database))"
                try self.dump(database, to: folder, postgres.conninfo, password)
                try check(folder, database)
            }
            let name = "systems/\(server.system)/backups/\(id)/dump.tar"
            let file = try Bundle.pack(dump, into: name, room.repositories.all) {
                room.progress.bytes(.packed, $0)
            }
            let manifest = BackupManifest(
                id: id, kind: kind, system: server.system, startedAt: started.description, finishedAt: Timestamp.now.description,
                bytes: file.bytes, storedBytes: file.storedBytes, files: [file], server: server.major,
                superuser: server.superuser,
                databases: databases, needs: needs, wal: nil, extensions: extensions.sorted())
            try Publication(room).publish(manifest)
            return manifest
        }
    }

    // MARK: Steps

    /// Anew for each program: it is good for a short time.
    private var application: String { room.settings.applicationName("backup \(kind.rawValue)") }

    /// Roles and their memberships; password verifiers only where we are superuser. No tablespaces, here and at the restore: their
    /// folders are those of the machine that was backed up, and may be in use.
    private func globals(to file: String, _ conninfo: String, _ database: String, _ password: PasswordFile) throws {
        room.progress.step(.dumpingRoles)
        let what = kind == .cluster ? ["--globals-only"] : ["--roles-only", "--no-role-passwords"]
        try tools.tool(
            "pg_dumpall",
            what + ["--no-tablespaces", "--no-password", "--file=\(file)", "--database=\(database)", "--dbname=\(conninfo)"],
            password: password,
            application: application
        ).succeed()
    }

    private func dump(_ database: String, to folder: String, _ conninfo: String, _ password: PasswordFile) throws {
        room.progress.step(.dumping, ["database": .text(database)])
        let jobs = try room.settings.int("backup.jobs", in: 1...64)
        let progress = room.progress
        let tool = tools.tool(
            "pg_dump",
            [
                "--format=directory", "--jobs=\(jobs)", "--compress=0", "--no-password", "--verbose", "--lock-wait-timeout=60s",
                "--file=\(folder)", "--dbname=\(Self.conninfo(conninfo, database))",
            ], password: password, application: application)
        let ended = try tool.run(lines: { line in
            if line.contains("dumping contents") {
                let table = line.split(separator: " ").last ?? ""
                progress.step(.dumpingTable, ["database": .text(database), "table": .text(String(table))])
            }
        })
        guard ended.status != 0 else { return }
        guard ended.said.contains("permission denied") else { throw tool.failure(ended) }
        throw tool.failure(ended).hinting(
            "a table of somebody else is in the database: give it to \(Role.owner), or use `backup cluster`, which reads as superuser"
        )
    }

    private func extensionsOf(_ database: String, _ postgres: PostgresConfiguration) async throws -> [String] {
        var other = postgres
        other.conninfo = Self.conninfo(postgres.conninfo, database)
        return try await SourceServer.withConnection(other, logger) { connection in
            try await connection.query("SELECT extname::text FROM pg_extension").map { try $0[0].decode() }
        }
    }

    /// The same with another database: what comes later in a connection string goes before.
    private static func conninfo(_ conninfo: String, _ database: String) -> String {
        let quoted = database.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'")
        return "\(conninfo) dbname='\(quoted)'"
    }

    /// Whether its table of contents can be read.
    private func check(_ folder: String, _ database: String) throws {
        guard try tools.tool("pg_restore", ["--list", folder]).text().contains("Archive created at") else {
            throw GuardianError("the dump of \(database) has no table of contents")
        }
    }
}

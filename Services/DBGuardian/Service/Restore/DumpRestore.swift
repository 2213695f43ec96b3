import EverlinePostgres
import Foundation

/// Restores a dump (`backup database`, `backup cluster`) into a new cluster: roles first, then each database by pg_restore,
/// which stops at the first error.
struct DumpRestore: Sendable {
    let tools: PostgresTools
    let progress: JobProgress

    func run(
        _ backup: Backup, _ repositories: Repositories, _ destination: Destination, _ fetch: FetchCommand, database: String?
    ) async throws -> Restore.Found {
        let manifest = backup.manifest
        let dump = "\(destination.work)/.dump"
        let data = destination.work
        try initialize(data, manifest, destination.user)
        guard mkdir(dump, 0o700) == 0 else { throw SystemError("cannot make the folder", dump) }
        if let user = destination.user, chown(dump, user.user, user.group) != 0 { throw SystemError("cannot give away", dump) }
        for file in manifest.files {
            try Bundle.unpack("\(backup.folder)/\(file.name)", backup.system.repository, to: dump, user: destination.user) {
                progress.bytes(.unpacking, $0)
            }
        }
        let preload = manifest.extensions?.contains("pgaudit") == true ? "pgaudit" : ""
        let instance = try Instance(
            data: data, tools: tools, fetch: fetch, superuser: manifest.superuser, user: destination.user,
            settings: [("shared_preload_libraries", preload), ("fsync", "off"), ("full_page_writes", "off")])
        do {
            try await instance.ready()
            try roles("\(dump)/globals.sql", manifest, fetch)
            for name in manifest.databases where database == nil || name == database {
                progress.step(.restoring, ["database": .text(name)])
                try restore(name, "\(dump)/\(Self.folder(name))", manifest, fetch)
            }
            let found = try await Settlement(instance, manifest).settle(only: nil)
            try await instance.stop()
            try FileManager.default.removeItem(atPath: dump)
            try RecoveryFiles.tidy(data)
            try settings(data, preload)
            try Tool("sync", ["--file-system", data]).succeed()
            return found
        } catch {
            await instance.abandon()
            throw error
        }
    }

    /// A database's folder in the dump, whatever its name.
    static func folder(_ database: String) -> String {
        "database-"
            + database.utf8.map {
                97...122 ~= $0 || 48...57 ~= $0 || $0 == 95 ? String(UnicodeScalar($0)) : String(format: "%%%02X", $0)
            }.joined()
    }

    private func initialize(_ data: String, _ manifest: BackupManifest, _ user: (user: uid_t, group: gid_t)?) throws {
        progress.step(.making)
        try tools.tool(
            "initdb",
            [
                "-D", data, "-U", manifest.superuser, "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-sync",
                "--auth=scram-sha-256", "--auth-local=peer", "--no-instructions",
            ]
        ).as(user).succeed()
    }

    /// Roles; the superuser is there already.
    private func roles(_ file: String, _ manifest: BackupManifest, _ fetch: FetchCommand) throws {
        guard let text = FileManager.default.contents(atPath: file).map({ String(decoding: $0, as: UTF8.self) }) else {
            throw GuardianError("the dump has no globals.sql")
        }
        let name = manifest.superuser
        let own = ["CREATE ROLE \(name);", "CREATE ROLE \"\(name)\";"]
        let kept = text.split(separator: "\n", omittingEmptySubsequences: false).filter { !own.contains(String($0)) }
        try Data(kept.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: file))
        try tools.tool(
            "psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", file] + connection(fetch, "postgres", manifest)
        ).succeed()
    }

    private func restore(_ name: String, _ dump: String, _ manifest: BackupManifest, _ fetch: FetchCommand) throws {
        let create = ["postgres", "template1"].contains(name) ? [] : ["--create"]
        try tools.tool(
            "pg_restore",
            ["--exit-on-error", "--no-tablespaces", "--jobs=2"] + create
                + connection(fetch, create.isEmpty ? name : "postgres", manifest) + [dump]
        ).succeed()
    }

    private func connection(_ fetch: FetchCommand, _ database: String, _ manifest: BackupManifest) -> [String] {
        func quoted(_ text: String) -> String {
            "'" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'") + "'"
        }
        return [
            "-d", "host=\(quoted(fetch.folder)) port=5432 dbname=\(quoted(database)) user=\(quoted(manifest.superuser))",
            "--no-password",
        ]
    }

    /// A new cluster has initdb's own settings; what the dump needs to start is added.
    private func settings(_ data: String, _ preload: String) throws {
        guard !preload.isEmpty, let file = FileHandle(forWritingAtPath: "\(data)/postgresql.conf") else { return }
        try file.seekToEnd()
        try file.write(contentsOf: Data("\nshared_preload_libraries = '\(preload)'\n".utf8))
        try file.close()
    }
}

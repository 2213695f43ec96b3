import EverlineService
import Foundation

/// Modes of files that hold the database or its secrets, where this machine has them.
package struct FileModes: Sendable {
    package struct Wrong: Sendable {
        package let path: String
        package let mode: UInt32
        package let wanted: UInt32
    }

    /// What of it is on this machine and could be looked at.
    package private(set) var looked = 0
    package private(set) var wrong: [Wrong] = []

    init(_ facts: ServerFacts, _ settings: Settings) {
        let data = facts.value("data_directory")
        if !data.isEmpty, Self.isThisMachines(data) {
            // initdb -g allows the group to read.
            look(data, allowing: 0o750)
            for file in [
                facts.value("config_file"), facts.value("hba_file"), facts.value("ident_file"), "\(data)/postgresql.auto.conf",
            ] { look(file, allowing: 0o640) }
            let key = facts.value("ssl_key_file")
            look(key.hasPrefix("/") ? key : "\(data)/\(key)", allowing: 0o640)
            let logs = facts.value("log_directory")
            let folder = logs.hasPrefix("/") ? logs : "\(data)/\(logs)"
            look(folder, allowing: 0o750)
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted().suffix(50) ?? [] {
                look("\(folder)/\(name)", allowing: 0o640)
            }
        }
        for path in (try? Repositories.paths(settings)) ?? [] { look(path, allowing: 0o700) }
        for key in [
            "repository.keyFile", "postgres.passwordFile", "roles.passwordFile", "replication.passwordFile", "tls.key",
            "audit.webhookSecretFile",
        ] {
            if let file = settings.optional(key) { look(file, allowing: 0o640) }
        }
    }

    /// The same path on another machine is another server's.
    private static func isThisMachines(_ data: String) -> Bool { access("\(data)/PG_VERSION", F_OK) == 0 }

    private mutating func look(_ path: String, allowing: mode_t) {
        var status = stat()
        guard !path.isEmpty, stat(path, &status) == 0 else { return }
        looked += 1
        let mode = status.st_mode & 0o777
        if mode & ~allowing != 0 { wrong.append(Wrong(path: path, mode: mode, wanted: mode & allowing)) }
    }

    var item: PostureItem {
        PostureItem(
            "file-modes", wrong.isEmpty,
            looked == 0
                ? "none of the files is on this machine"
                : wrong.isEmpty
                    ? "\(looked) files and folders looked at"
                    : wrong.map { "\($0.path) has \(String($0.mode, radix: 8))" }.shown(),
            hint: "db-guardian audit harden")
    }
}

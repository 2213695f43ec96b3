import EverlinePostgres
package import EverlineService
import Foundation

/// PostgreSQL's own programs.
package struct PostgresTools: Sendable {
    package let folder: String

    package init(_ settings: Settings) throws {
        if let folder = settings.optional("tools.folder") {
            self.folder = folder
            return
        }
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { name in
            Double(name).map { (number: $0, name: name) }
        }
        guard let newest = versions.max(by: { $0.number < $1.number }) else {
            throw GuardianError("PostgreSQL's programs are not in \(root)", hint: "install postgresql-15, or set tools.folder")
        }
        folder = "\(root)/\(newest.name)/bin"
    }

    /// - Parameter application: the name of its sessions (Errands).
    package func tool(_ name: String, _ arguments: [String], password: PasswordFile? = nil, application: String? = nil) -> Tool {
        var environment = ["PGCONNECT_TIMEOUT": "10"]
        if let application { environment["PGAPPNAME"] = application }
        if let password { environment["PGPASSFILE"] = password.path }
        return Tool("\(folder)/\(name)", arguments, environment: environment)
    }

    /// The major version of one of them.
    package func major(_ name: String) throws -> Int {
        let text = try tool(name, ["--version"]).text()
        guard let number = text.split(separator: " ").compactMap({ Int($0.prefix { $0.isNumber }) }).first else {
            throw GuardianError("\(folder)/\(name) does not say its version: \(text)")
        }
        return number
    }

    /// An older program does not know what a newer server keeps.
    package func refuseOlder(_ name: String, than server: Int) throws {
        let own = try major(name)
        guard own >= server else {
            throw GuardianError(
                "\(folder)/\(name) is of PostgreSQL \(own), the server is \(server): what an older program makes may not be whole",
                hint: "install postgresql-client-\(server), or set tools.folder")
        }
    }
}

/// A password for libpq's programs in a file that only we can read, and that goes with this (PostgreSQL manual 34.16).
package final class PasswordFile: Sendable {
    private let folder: PrivateFolder
    package var path: String { "\(folder.path)/password" }

    /// - Parameter source: a file that holds the password and perhaps a newline.
    package init(from source: String) throws {
        guard let text = FileManager.default.contents(atPath: source).map({ String(decoding: $0, as: UTF8.self) }) else {
            throw GuardianError("the password file \(source) cannot be read", hint: "is its path right, and is this its user?")
        }
        let password = text.trimmingCharacters(in: .newlines).replacingOccurrences(of: "\\", with: "\\\\")
            .replacingOccurrences(of: ":", with: "\\:")
        folder = try PrivateFolder()
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot write", path) }
        try FileDescriptorStream(descriptor, path).write(Array("*:*:*:*:\(password)\n".utf8))
    }
}

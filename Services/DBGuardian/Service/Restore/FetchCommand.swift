import EverlineCryptography
package import Foundation

/// What `restore_command` needs, in a folder that the server's user can read, gone when this goes: settings, and where that
/// user cannot look, copies of our program, its libraries and the key file.
package final class FetchCommand: Sendable {
    private let own: PrivateFolder
    package var folder: String { own.path }
    package let command: String
    /// The same where the backup has all the WAL that is needed: a damaged segment in the archive is in nobody's way then. Which
    /// timelines there are must be known all the same, or the new one would take the number of another.
    package var historiesOnly: String { "case %f in *.history) \(command) ;; *) exit 1 ;; esac" }

    /// - Parameter user: as whom the server runs; nil for ourselves.
    package init(_ repositories: Repositories, system: String, user: (user: uid_t, group: gid_t)?) throws {
        own = try PrivateFolder()
        let folder = own.path
        func readable(_ path: String) throws -> Bool {
            guard let user else { return true }
            return try Tool("test", ["-r", path]).as(user).run().status == 0
        }
        func give(_ path: String, _ mode: mode_t) throws {
            guard chmod(path, mode) == 0 else { throw SystemError("cannot close", path) }
            if let user, chown(path, user.user, user.group) != 0 { throw SystemError("cannot give away", path) }
        }
        func copied(_ path: String, _ mode: mode_t) throws -> String {
            if try readable(path) { return path }
            let copy = "\(folder)/\(path.lastName)"
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            try give(copy, mode)
            return copy
        }
        var program = try OwnProgram.path()
        if try !readable(program) {
            program = try copied(program, 0o700)
            // Its run path ends with its own folder.
            for library in try Self.libraries() where try !readable(library) { _ = try copied(library, 0o600) }
        }
        var repository = ["paths": repositories.all.map(\.storage.place).joined(separator: ","), "system": system]
        if let keys = repositories.first.keys {
            repository["keyFile"] = try copied(keys.file, 0o600)
        } else {
            repository["encryption"] = "off"
        }
        let settings = "\(folder)/guardian.json"
        try JSONEncoder().encode(["repository": repository]).write(to: URL(fileURLWithPath: settings))
        try give(settings, 0o600)
        try give(folder, 0o700)
        command = [Shell.quoted(program), "wal", "fetch", "%f", "\"%p\"", "--config", Shell.quoted(settings)].map {
            $0 == "%f" || $0 == "\"%p\"" ? $0 : $0.replacingOccurrences(of: "%", with: "%%")
        }.joined(separator: " ")
    }

    /// The shared libraries in our own process.
    private static func libraries() throws -> [String] {
        let maps = String(decoding: try Data(contentsOf: URL(fileURLWithPath: "/proc/self/maps")), as: UTF8.self)
        return Set(maps.split(separator: "\n").compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } })
            .filter { $0.contains(".so") }
    }
}

package enum Shell {
    /// A word of a shell command, whatever is in it.
    package static func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'" }
}

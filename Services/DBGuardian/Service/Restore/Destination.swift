package import Foundation

/// The folder that a restore fills. All is put together in `.everline-restoring` inside it, and moved to its place only when it
/// is whole, the part without
/// which no server starts at the very end.
package struct Destination: Sendable {
    package let directory: String
    /// Whom the files belong to; nil for ourselves. PostgreSQL does not run as root.
    package let user: (user: uid_t, group: gid_t)?
    private let made: Bool

    private static let unfinished = ".everline-restoring"
    package var work: String { "\(directory)/\(Self.unfinished)" }

    /// Looks, and refuses, without touching anything.
    /// - Parameter bytes: what will be written there at least.
    package static func check(_ directory: String, bytes: Int) throws {
        var status = stat()
        var space = directory
        if stat(directory, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw GuardianError("\(directory) is no folder") }
            let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            if names == [unfinished] {
                throw GuardianError(
                    "\(directory) holds a restore that was not finished",
                    hint: "remove \(directory)/\(unfinished) or name another folder")
            }
            guard names.isEmpty else {
                throw GuardianError(
                    "\(directory) is not empty (\(names.sorted().prefix(3).joined(separator: ", ")) …); nothing in it was touched",
                    hint: "name a folder that does not exist or is empty")
            }
        } else {
            space = directory.folder.isEmpty ? "." : directory.folder
            guard stat(space, &status) == 0 else { throw SystemError("cannot make a folder in", space) }
        }
        var room = statvfs()
        guard statvfs(space, &room) == 0 else { throw SystemError("cannot look at", space) }
        let free = Int(room.f_bavail) * Int(room.f_frsize)
        // The WAL that is replayed, and what the server writes while it does.
        let needed = bytes + bytes / 20 + (96 << 20)
        guard free >= needed else {
            throw GuardianError(
                "\(space) has \(free >> 20) MiB free, and the restore needs \(needed >> 20) MiB",
                hint: "name a folder on a larger disk")
        }
    }

    package init(_ directory: String, user: (user: uid_t, group: gid_t)?) throws {
        self.directory = directory
        self.user = user
        var status = stat()
        made = stat(directory, &status) != 0
        if made, mkdir(directory, 0o700) != 0 { throw SystemError("cannot make the folder", directory) }
        do {
            guard mkdir(work, 0o700) == 0 else { throw SystemError("cannot make the folder", work) }
            guard chmod(directory, 0o700) == 0 else { throw SystemError("cannot close", directory) }
            if let user {
                for folder in [directory, work] where chown(folder, user.user, user.group) != 0 {
                    throw SystemError("cannot give away", folder)
                }
                guard try Tool("test", ["-x", work]).as(user).run().status == 0 else {
                    throw GuardianError(
                        "user \(user.user), as whom PostgreSQL runs, cannot look into \(directory)",
                        hint: "name a folder where it can, as in /var/lib")
                }
            }
        } catch {
            discard()
            throw error
        }
    }

    /// Empties what has been put together, to begin anew.
    package func clear() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: work) {
            try FileManager.default.removeItem(atPath: "\(work)/\(name)")
        }
    }

    /// Takes everything away again that the restore made.
    package func discard() {
        // What cannot be removed lacks the move to its place, so it is no data directory.
        try? FileManager.default.removeItem(atPath: work)
        if made { rmdir(directory) }
    }

    /// Moves all to its place.
    package func finish() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: work)
        for name in names.filter({ $0 != "global" }) + ["global"] {
            guard rename("\(work)/\(name)", "\(directory)/\(name)") == 0 else {
                throw SystemError("cannot move to", "\(directory)/\(name)")
            }
        }
        guard rmdir(work) == 0 else { throw SystemError("cannot remove", work) }
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("cannot open the folder", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemError("cannot make durable", directory) }
    }
}

extension Tool {
    package func `as`(_ user: (user: uid_t, group: gid_t)?) -> Tool {
        var other = self
        other.user = user
        return other
    }
}

package import Foundation

/// The folder that a restore fills. All is put together in `.everline-restoring` inside it, and moved to its place only when it
/// is whole, the part without
/// which no server starts at the very end.
package struct Destination: Sendable {
    package let directory: String
    /// Whom the files belong to; nil for ourselves. PostgreSQL does not run as root.
    package let user: (user: uid_t, group: gid_t)?
    /// The folders that were made for it, the outermost first.
    private let made: [String]
    private let lock: FolderLock

    private static let unfinished = ".everline-restoring"
    package var work: String { "\(directory)/\(Self.unfinished)" }

    /// Looks, and refuses, without touching anything.
    /// - Parameters:
    ///   - bytes: what will be written there at least.
    ///   - clearing: whether a restore that was not finished may be taken away.
    package static func check(_ directory: String, bytes: Int, user: (user: uid_t, group: gid_t)?, clearing: Bool = false) throws
    {
        var status = stat()
        if stat(directory, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw GuardianError("\(directory) is no folder", hint: "name a folder that does not exist or is empty")
            }
            try checkContents(directory, clearing)
        }
        // The nearest folder that is there holds all that will be made.
        let lacking = missing(directory)
        let above = (lacking.first ?? directory).folder
        let space = lacking.isEmpty ? directory : above.isEmpty ? "." : above
        guard stat(space, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw SystemError("cannot make a folder in", space, number: ENOTDIR)
        }
        if let user, try Tool("test", ["-x", above.isEmpty ? "." : above]).as(user).run().status != 0 {
            throw GuardianError(
                "user \(user.user), as whom PostgreSQL runs, cannot look into \(above.isEmpty ? "this folder" : above), so it could not run in \(directory)",
                hint: "name a folder where it can, as in /var/lib, or let it in: chmod o+x on each folder above")
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

    private static func checkContents(_ directory: String, _ clearing: Bool) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        guard names.contains(unfinished) else {
            guard names.isEmpty else {
                throw GuardianError(
                    "\(directory) is not empty (\(names.prefix(3).joined(separator: ", ")) …); nothing in it was touched",
                    hint: "name a folder that does not exist or is empty")
            }
            return
        }
        if isHeld(directory) { throw BusyError(place: directory, holder: "a restore that is going on") }
        guard names == [unfinished] else {
            throw GuardianError(
                "\(directory) holds a restore that was ended while it was put into its place; nothing in it starts",
                hint: "name another folder, or remove all of this one first: rm -r \(Shell.quoted(directory))")
        }
        guard clearing else {
            throw GuardianError(
                "\(directory) holds a restore that was not finished, and nothing else; its process has ended",
                hint: "say the same again with --clear-unfinished, which takes it away and begins anew, or name another folder")
        }
    }

    /// Whether somebody is filling it.
    private static func isHeld(_ directory: String) -> Bool { FolderLock("\(directory)/\(unfinished)") == nil }

    /// Whether it is what a process left that was killed while it filled it.
    package static func isLeft(_ directory: String) -> Bool { FolderLock("\(directory)/\(unfinished)") != nil }

    /// The folder and those above it that are not there, the outermost first.
    private static func missing(_ directory: String) -> [String] {
        var lacking: [String] = []
        var folder = directory
        while !folder.isEmpty, access(folder, F_OK) != 0, errno == ENOENT {
            lacking.insert(folder, at: 0)
            folder = folder.folder
        }
        return lacking
    }

    package init(_ directory: String, user: (user: uid_t, group: gid_t)?, clearing: Bool = false) throws {
        self.directory = directory
        self.user = user
        let work = "\(directory)/\(Self.unfinished)"
        if clearing, let old = FolderLock(work) {
            try FileManager.default.removeItem(atPath: work)
            withExtendedLifetime(old) {}
        }
        var made: [String] = []
        do {
            for folder in Self.missing(directory) {
                // Those above are for others to walk through.
                guard mkdir(folder, folder == directory ? 0o700 : 0o755) == 0 else {
                    throw SystemError("cannot make the folder", folder)
                }
                made.append(folder)
            }
            guard mkdir(work, 0o700) == 0 else {
                if errno == EEXIST { throw BusyError(place: directory, holder: "another restore") }
                throw SystemError("cannot make the folder", work)
            }
            guard let lock = FolderLock(work) else { throw BusyError(place: directory, holder: "another restore") }
            self.lock = lock
        } catch {
            for folder in made.reversed() { rmdir(folder) }
            throw error
        }
        self.made = made
        do {
            guard chmod(directory, 0o700) == 0 else { throw SystemError("cannot close", directory) }
            if let user {
                for folder in [directory, work] where chown(folder, user.user, user.group) != 0 {
                    throw SystemError("cannot give away", folder)
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
        for folder in made.reversed() { rmdir(folder) }
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

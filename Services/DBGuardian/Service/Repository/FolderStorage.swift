import EverlineCryptography
package import Foundation

/// Storage in a folder, which may be a mounted remote one that has hard links and locks. Folders are 0700 and files 0600, and
/// belong to whoever
/// the folder belongs to, also when root writes them: PostgreSQL's own user archives into it and reads from it.
package struct FolderStorage: Storage {
    package let root: String
    package var place: String { root }

    /// An unfinished file that old is nobody's any more.
    private static let staleAfter = 3_600

    package init(_ root: String) { self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root }

    private func path(_ name: String) -> String { name.isEmpty ? root : "\(root)/\(name)" }

    /// Whom new files belong to; nil if they are ours anyway.
    package var owner: (user: uid_t, group: gid_t)? {
        var status = stat()
        guard geteuid() == 0, stat(root, &status) == 0 else { return nil }
        return (status.st_uid, status.st_gid)
    }

    package func list(_ folder: String) throws -> [String] {
        guard let stream = opendir(path(folder)) else {
            if errno == ENOENT || errno == ENOTDIR, exists(root) { return [] }
            throw SystemError("cannot list", path(folder))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    package func size(_ name: String) throws -> Int? {
        var status = stat()
        if stat(path(name), &status) == 0 { return status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil }
        guard errno == ENOENT || errno == ENOTDIR, exists(root) else { throw SystemError("cannot look at", path(name)) }
        return nil
    }

    package func open(_ name: String) throws -> (any StoredFile)? {
        let descriptor = Glibc.open(path(name), O_RDONLY | O_CLOEXEC)
        if descriptor >= 0 { return FileDescriptorStream(descriptor, path(name)) }
        // Without the root nobody can tell what is in it: a mount that is gone is not an empty repository.
        guard errno == ENOENT || errno == ENOTDIR, exists(root) else { throw SystemError("cannot read", path(name)) }
        return nil
    }

    package func put(_ name: String, replacing: Bool, _ write: (any Sink) throws -> Void) throws -> Bool {
        let folder = name.folder
        try makeFolder(folder)
        let last = name.lastName
        let unfinished = path(folder) + "/.\(last).\(getpid())-\(Hex.encode(try SecureRandom.bytes(4))).unfinished"
        let descriptor = Glibc.open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot write", unfinished) }
        let file = FileDescriptorStream(descriptor, unfinished)
        defer { unlink(unfinished) }
        if let owner, fchown(descriptor, owner.user, owner.group) != 0 { throw SystemError("cannot give away", unfinished) }
        try write(file)
        try file.synchronize()
        if replacing {
            guard rename(unfinished, path(name)) == 0 else { throw SystemError("cannot publish", path(name)) }
        } else if link(unfinished, path(name)) != 0 {
            if errno == EEXIST { return false }
            throw SystemError("cannot publish", path(name))
        }
        try synchronizeFolder(folder)
        return true
    }

    package func makeDurable(_ name: String) throws {
        let descriptor = Glibc.open(path(name), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("cannot read", path(name)) }
        try FileDescriptorStream(descriptor, path(name)).synchronize()
        try synchronizeFolder(name.folder)
    }

    package func remove(_ name: String) throws {
        precondition(!name.isEmpty)
        var status = stat()
        guard lstat(path(name), &status) == 0 else {
            if errno == ENOENT, exists(root) { return }
            throw SystemError("cannot look at", path(name))
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            do { try FileManager.default.removeItem(atPath: path(name)) } catch {
                throw GuardianError("cannot remove \(path(name)): \(error.localizedDescription)")
            }
        } else if unlink(path(name)) != 0, errno != ENOENT {
            throw SystemError("cannot remove", path(name))
        }
        try synchronizeFolder(name.folder)
    }

    package func lock(_ name: String, shared: Bool, holder: String) throws -> StorageLock? {
        let file = path(".lock-\(name)")
        let descriptor = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot lock", file) }
        if let owner { _ = fchown(descriptor, owner.user, owner.group) }
        guard flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
            defer { close(descriptor) }
            if errno == EWOULDBLOCK { return nil }
            throw SystemError("cannot lock", file)
        }
        if !shared {
            // For whoever finds it taken; that it cannot be written changes nothing about the lock.
            _ = ftruncate(descriptor, 0)
            let text = Array("\(holder) (process \(getpid()))".utf8)
            _ = pwrite(descriptor, text, text.count, 0)
        }
        return StorageLock { close(descriptor) }
    }

    package func holder(_ name: String) -> String? {
        FileManager.default.contents(atPath: path(".lock-\(name)")).flatMap { String(data: $0, encoding: .utf8) }
    }

    /// Removes what writers that died have left in a folder: by age, and only what is ours.
    package func sweep(_ folder: String) {
        guard let stream = opendir(path(folder)) else { return }
        defer { closedir(stream) }
        let now = time(nil)
        let mine = owner?.user ?? geteuid()
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var status = stat()
            let file = "\(path(folder))/\(name)"
            guard name.hasPrefix("."), name.hasSuffix(".unfinished"), lstat(file, &status) == 0,
                status.st_mode & S_IFMT == S_IFREG, status.st_uid == mine, now - status.st_mtim.tv_sec > Self.staleAfter
            else { continue }
            unlink(file)
        }
    }

    // MARK: Folders

    private func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }

    /// Makes the folders that lack on the way, each of them durable; never the root, whose absence is an error.
    private func makeFolder(_ folder: String) throws {
        if exists(path(folder)) { return }
        guard !folder.isEmpty else { throw SystemError("cannot find the repository", root) }
        let parent = folder.folder
        try makeFolder(parent)
        guard mkdir(path(folder), 0o700) == 0 || errno == EEXIST else {
            throw SystemError("cannot make the folder", path(folder))
        }
        if let owner, chown(path(folder), owner.user, owner.group) != 0 {
            throw SystemError("cannot give away", path(folder))
        }
        try synchronizeFolder(parent)
    }

    private func synchronizeFolder(_ folder: String) throws {
        let descriptor = Glibc.open(path(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("cannot open the folder", path(folder)) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemError("cannot make durable", path(folder)) }
    }
}

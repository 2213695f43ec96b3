import Foundation

/// A folder as somebody's own while he lives: flock(2) on the folder itself, so that it goes with its process, and what a
/// killed one has left can be told from what is at work.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    /// - Returns: nil if another process has it, or there is no such folder (any more).
    package init?(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var mine = stat()
        var there = stat()
        // Whoever sweeps may have been faster than the lock.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &mine) == 0, lstat(path, &there) == 0,
            mine.st_ino == there.st_ino, mine.st_dev == there.st_dev
        else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    var owner: uid_t? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status.st_uid : nil
    }

    /// Removes the files directly in it, by its descriptor: whatever has taken the place of its name is not touched.
    func empty() {
        guard let stream = fdopendir(dup(descriptor)) else { return }
        defer { closedir(stream) }
        rewinddir(stream)
        while let entry = readdir(stream) {
            withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { _ = unlinkat(descriptor, $0, 0) }
            }
        }
    }
}

/// A folder for what only this process needs and nobody else may see: copies of the key file, passwords. It goes with this;
/// what a killed process left goes when the next one is made.
package final class PrivateFolder: Sendable {
    package let path: String
    private let lock: FolderLock

    private static let prefix = "everline-private-"

    package init() throws {
        Self.sweep()
        // Another that sweeps can come between making and locking, hardly ever twice.
        for _ in 0..<10 {
            var template = Array("\(Self.place)/\(Self.prefix)XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw SystemError("cannot make a folder in", Self.place) }
            let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            guard let lock = FolderLock(path) else { continue }
            self.path = path
            self.lock = lock
            return
        }
        throw SystemError("cannot keep a folder in", Self.place)
    }

    deinit { Self.remove(path, lock) }

    private static var place: String {
        let folder = NSTemporaryDirectory()
        return folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    }

    private static func sweep() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [] where name.hasPrefix(prefix) {
            let path = "\(place)/\(name)"
            guard let lock = FolderLock(path), geteuid() == 0 || lock.owner == geteuid() else { continue }
            remove(path, lock)
        }
    }

    private static func remove(_ path: String, _ lock: FolderLock) {
        lock.empty()
        rmdir(path)
    }
}

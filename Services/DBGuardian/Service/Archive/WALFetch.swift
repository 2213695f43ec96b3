import Foundation

/// `wal fetch`: from the first repository that has the file whole.
package struct WALFetch: Sendable {
    private let repositories: Repositories

    package init(_ repositories: Repositories) { self.repositories = repositories }

    /// - Returns: false if no repository has such a file.
    package func fetch(_ name: String, to path: String) throws -> Bool {
        guard ArchiveFile(name) != nil else { return false }
        let bytes = try repositories.firstAnswer { repository in
            try WALArchive(repository).fetch(name, system: try repository.onlySystem(repositories.wanted))
        }
        guard let bytes else {
            // One that cannot be looked at may have it, and "not there" would end a recovery early.
            if let lost = repositories.lost.first { throw lost.error }
            return false
        }
        let unfinished = "\(path).\(getpid()).unfinished"
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot write", unfinished) }
        defer { unlink(unfinished) }
        try FileDescriptorStream(descriptor, unfinished).write(bytes)
        guard rename(unfinished, path) == 0 else { throw SystemError("cannot write", path) }
        return true
    }
}

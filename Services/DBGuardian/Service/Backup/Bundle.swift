package import Foundation

/// A folder as one encoded file: its tar stream, compressed and encrypted in one pass.
package enum Bundle {
    /// Packs a folder into a file of each repository.
    /// - Parameters:
    ///   - last: a path that comes at the end, so that what is unpacked halfway lacks it.
    ///   - progress: gets the bytes so far.
    package static func pack(
        _ folder: String, into name: String, _ repositories: [Repository], last: String? = nil, progress: (Int) -> Void = { _ in }
    ) throws -> BackupManifest.File {
        let list = "\(folder).list"
        try Data(try paths(folder, last).joined(separator: "\0").utf8).write(to: URL(fileURLWithPath: list))
        defer { unlink(list) }
        let tar = Tool(
            "tar",
            [
                "--create", "--file=-", "--format=posix", "--numeric-owner", "--no-recursion", "--directory=\(folder)", "--null",
                "--verbatim-files-from", "--files-from=\(list)",
            ])
        var plain = 0
        let stored = try encode(name, repositories[...], []) { writers in
            try tar.succeed(output: { bytes in
                for writer in writers { try writer.write(bytes) }
                plain += bytes.count
                progress(plain)
            })
        }
        return .init(name: name.lastName, bytes: plain, storedBytes: stored)
    }

    /// Unpacks into an existing folder. When it throws, what has been written so far is left there.
    package static func unpack(
        _ name: String, _ repository: Repository, to folder: String, user: (user: uid_t, group: gid_t)?,
        progress: (Int) -> Void = { _ in }
    ) throws {
        let tar = try FedTool(
            Tool("tar", ["--extract", "--file=-", "--directory=\(folder)", "--same-permissions", "--no-same-owner"]).as(user))
        var done = 0
        do {
            let found = try repository.decode(name) { piece in
                try tar.write(piece)
                done += piece.count
                progress(done)
            }
            guard found != nil else { throw DamageError(name, "it is missing") }
        } catch let error as SystemError where error.number == EPIPE {
            // tar ended first, as on a full disk, and says why.
            try tar.finish()
            throw error
        } catch {
            tar.abandon()
            throw error
        }
        try tar.finish()
    }

    private static func paths(_ folder: String, _ last: String?) throws -> [String] {
        guard let found = FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] else {
            throw GuardianError("cannot read the folder \(folder)")
        }
        return ["."] + found.filter { $0 != last }.sorted().map { "./\($0)" } + (last.map { ["./\($0)"] } ?? [])
    }

    /// One file in each repository, written side by side.
    /// - Returns: how many bytes were stored in the first.
    private static func encode(
        _ name: String, _ repositories: ArraySlice<Repository>, _ writers: [EncodedWriter],
        _ body: ([EncodedWriter]) throws -> Void
    ) throws -> Int {
        guard let repository = repositories.first else {
            try body(writers)
            return 0
        }
        let done = try repository.encode(name) { writer in
            _ = try encode(name, repositories.dropFirst(), writers + [writer], body)
        }
        guard let done else { throw GuardianError("\(repository.storage.place)/\(name) exists already") }
        return done.stored
    }
}

import Foundation

/// What a call of `wal push` took along for later ones, noted so that PostgreSQL's own call for it need not read and compare 16 MiB
/// again: which file it was, and where it lies since. Only a note: without it, or where anything about the file differs, the call
/// looks at the bytes.
struct TakenAlong: Codable, Equatable {
    /// The archived file, and its size in each repository.
    let name: String
    let stored: [Int]
    let source: Source

    /// A file that was written to since has another time of change (stat(2)); one that took its place another number.
    struct Source: Codable, Equatable, Sendable {
        let device: UInt64
        let number: UInt64
        let size: Int64
        let changed: [Int]

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            number = UInt64(status.st_ino)
            size = Int64(status.st_size)
            changed = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
        }
    }

    /// Beside the repository's locks; named so that what is never asked for goes with other leftovers.
    private static func note(_ segment: String, _ repository: Repository) -> String? {
        (repository.storage as? FolderStorage).map { "\($0.root)/.\(segment).along.unfinished" }
    }

    /// To be called when it is on the disk of every repository.
    /// - Parameter source: as it was before it was read.
    static func keep(_ path: String, _ source: Source, as name: String, _ repositories: [Repository]) {
        guard let first = repositories.first, let file = note(path.lastName, first), let stored = try? sizes(name, repositories),
            let bytes = try? JSONEncoder().encode(TakenAlong(name: name, stored: stored, source: source))
        else { return }
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        try? FileDescriptorStream(descriptor, file).write(Array(bytes))
    }

    /// Whether that very file was taken along, and still lies in every repository.
    static func recall(_ path: String, _ repositories: [Repository]) -> Bool {
        guard let first = repositories.first, let file = note(path.lastName, first),
            let bytes = FileManager.default.contents(atPath: file)
        else { return false }
        unlink(file)
        guard let one = try? JSONDecoder().decode(TakenAlong.self, from: bytes) else { return false }
        return one.name.lastName == path.lastName && one.source == Source(path)
            && one.stored == (try? sizes(one.name, repositories))
    }

    /// - Throws: if one of them lacks it.
    private static func sizes(_ name: String, _ repositories: [Repository]) throws -> [Int] {
        try repositories.map {
            guard let size = try $0.storage.size(name) else { throw DamageError(name, "it is missing") }
            return size
        }
    }
}

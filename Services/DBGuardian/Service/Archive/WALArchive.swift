import EverlineCryptography
import EverlineProtocol
import Foundation

/// What the header of an archived segment says of it.
package struct SegmentInformation: Codable, Sendable {
    package let kind: String
    package let system: String
    package let segmentSize: UInt64
    package let contents: SegmentContents
    package let archivedAt: String
}

/// Takes files from PostgreSQL's archiver into a repository, and gives them back to recovery.
package struct WALArchive: Sendable {
    package let repository: Repository

    package init(_ repository: Repository) { self.repository = repository }

    /// The end of a segment that has not been archived yet, as the stream has brought it; the longest so far.
    package static let streamed = ".streamed"

    package enum Outcome: String, Sendable {
        case archived
        case knownAlready = "known already"
    }

    // MARK: Push

    /// Where a file lies, in every repository.
    static func name(of file: IncomingWAL) -> String {
        "systems/\(file.system)/wal/\(ArchiveFile.folder(file.name))/\(file.name)"
    }

    /// Archives one file. It returns only when file and name are on the disk.
    package func push(_ file: IncomingWAL) throws -> Outcome {
        let system = try admit(file.system)
        let name = Self.name(of: file)
        let information = try JSONEncoder().encode(file.information)
        if try repository.encode(name, information: Array(information), { try $0.write(file.bytes) }) != nil { return .archived }
        return try compare(file, with: name, system)
    }

    /// The same name again: PostgreSQL sends a file twice after a crash. Anything but the same bytes is refused, and kept for a
    /// person to look at.
    private func compare(_ file: IncomingWAL, with name: String, _ system: System) throws -> Outcome {
        var offset = 0
        var same = true
        do {
            try repository.decode(name) { piece in
                guard same else { return }
                let end = offset + piece.count
                same =
                    end <= file.bytes.count
                    && (piece.isEmpty || file.bytes.withUnsafeBytes { memcmp($0.baseAddress! + offset, piece, piece.count) == 0 })
                offset = end
            }
        } catch let error as DamageError {
            try keepAside(file, system)
            throw GuardianError(
                "\(file.name) was archived before, and that file is damaged (\(error.problem)); the one that came now was put aside in \(system.aside)",
                hint: "`db-guardian backup verify` says what else is; take a base backup now")
        }
        if same, offset == file.bytes.count {
            try repository.storage.makeDurable(name)
            return .knownAlready
        }
        try keepAside(file, system)
        throw GuardianError(
            "\(file.name) was archived before with other bytes; nothing was overwritten, the one that came now was put aside in \(system.aside)",
            hint: "two clusters archive here (a clone? an old primary?): stop one of them from it")
    }

    private func keepAside(_ file: IncomingWAL, _ system: System) throws {
        let digest = Hex.encode(DigestAlgorithm.sha256.digest(file.bytes)[..<8])
        _ = try repository.encode("\(system.aside)/\(file.name).\(digest)") { try $0.write(file.bytes) }
    }

    /// The system's part of the archive. The first one to come is the repository's; another is refused until a person allows it.
    package func admit(_ identifier: String) throws -> System {
        let known = try repository.systems()
        if known.isEmpty || known.contains(where: { $0.identifier == identifier }) { return repository.system(identifier) }
        throw GuardianError(
            "system \(identifier) is foreign here: \(repository.storage.place) is the archive of system \(known[0].identifier)",
            hint: "give it a repository of its own; if it is to share this one: `db-guardian repository allow \(identifier)`")
    }

    // MARK: Fetch

    /// The bytes of an archived file; nil if it is not there. Throws when that cannot be told, or the file is not what was
    /// archived.
    package func fetch(_ name: String, system: System) throws -> [UInt8]? {
        let path = "\(system.wal)/\(ArchiveFile.folder(name))/\(name)"
        if let bytes = try read(path) { return bytes }
        guard ArchiveFile(name) == .segment, try repository.storage.size(path + Self.streamed) != nil,
            try isLast(name, system)
        else { return nil }
        return try read(path + Self.streamed)
    }

    private func read(_ path: String) throws -> [UInt8]? {
        var bytes: [UInt8] = []
        guard try repository.decode(path, { bytes += $0 }) != nil else { return nil }
        return bytes
    }

    /// What the stream has brought of a segment ends in its middle, so it serves only where nothing follows.
    private func isLast(_ name: String, _ system: System) throws -> Bool {
        let later = try repository.storage.list("\(system.wal)/\(ArchiveFile.folder(name))").last { ArchiveFile($0) == .segment }
        return later.map { $0 < name } ?? true
    }
}

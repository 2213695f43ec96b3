import EverlineCryptography
package import Foundation

/// One key of the repository. The id names it in files without telling anything of it.
package struct RepositoryKey: Sendable, Equatable {
    package let bytes: [UInt8]
    package var id: [UInt8] { Array(DigestAlgorithm.sha256.digest(Array("everline key id\0".utf8) + bytes)[..<8]) }

    /// By which a mistyped or damaged line of the key file is noticed.
    fileprivate var check: [UInt8] { Array(DigestAlgorithm.sha256.digest(Array("everline key check\0".utf8) + bytes)[..<8]) }
    fileprivate var line: String { "\(Hex.encode(id)) \(Hex.encode(bytes)) \(Hex.encode(check))" }
}

/// A key that is missing, wrong or damaged.
package struct KeyError: Error, CustomStringConvertible {
    private let problem: String
    private let hint: String

    package init(_ problem: String, hint: String) {
        self.problem = problem
        self.hint = hint
    }
    package var description: String { "\(problem)\nHINT: \(hint)" }
}

/// The key file: a first line `everline-keys 1`, then one line a key, the oldest first: id, key and check value in hex. The
/// last one is used for new
/// files; the others read what was written before. Mode 0600. Whoever loses it has lost the backups.
package struct KeyRing: Sendable {
    package let file: String
    package let keys: [RepositoryKey]
    package var current: RepositoryKey { keys[keys.count - 1] }

    private static let title = "everline-keys 1"

    package init(file: String) throws {
        self.file = file
        guard let data = FileManager.default.contents(atPath: file) else {
            let reason = errno == EACCES ? "cannot be read by this user" : "is missing"
            throw KeyError(
                "the key file \(file) \(reason)",
                hint: "copy it back from where you keep it apart from the backups; without it they cannot be read")
        }
        var lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        guard lines.first.map(String.init) == Self.title, lines.count > 1 else {
            throw KeyError("\(file) is no key file", hint: "its first line must be \"\(Self.title)\"; set repository.keyFile")
        }
        lines.removeFirst()
        keys = try lines.enumerated().map { index, line in
            let fields = line.split(separator: " ").map { Hex.decode(String($0)) }
            guard fields.count == 3, let bytes = fields[1], bytes.count == AuthenticatedCipher.keySize else {
                throw Self.damaged(file, index)
            }
            let key = RepositoryKey(bytes: bytes)
            guard key.id == fields[0], key.check == fields[2] else { throw Self.damaged(file, index) }
            return key
        }
    }

    /// The keys' ids, the oldest first.
    package var names: [String] { keys.map { Hex.encode($0.id) } }

    package func key(_ id: [UInt8]) -> RepositoryKey? { keys.first { $0.id == id } }

    /// Makes a key file with one new key; refuses to touch one that is there.
    package static func create(_ file: String, owner: (user: uid_t, group: gid_t)?) throws -> KeyRing {
        guard !FileManager.default.fileExists(atPath: file) else {
            throw KeyError("\(file) exists already", hint: "use `key rotate` for a new key")
        }
        try write([RepositoryKey(bytes: try SecureRandom.bytes(AuthenticatedCipher.keySize))], file, owner: owner)
        return try KeyRing(file: file)
    }

    /// Adds a new key, with which everything is written from now on.
    package func rotated() throws -> KeyRing {
        var status = stat()
        let owner = geteuid() == 0 && stat(file, &status) == 0 ? (status.st_uid, status.st_gid) : nil
        try Self.write(keys + [RepositoryKey(bytes: try SecureRandom.bytes(AuthenticatedCipher.keySize))], file, owner: owner)
        return try KeyRing(file: file)
    }

    private static func write(_ keys: [RepositoryKey], _ file: String, owner: (user: uid_t, group: gid_t)?) throws {
        let text = ([title] + keys.map(\.line)).map { $0 + "\n" }.joined()
        let unfinished = "\(file).\(getpid()).unfinished"
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot write", unfinished) }
        let stream = FileDescriptorStream(descriptor, unfinished)
        defer { unlink(unfinished) }
        if let owner, fchown(descriptor, owner.user, owner.group) != 0 { throw SystemError("cannot give away", unfinished) }
        try stream.write(Array(text.utf8))
        try stream.synchronize()
        guard rename(unfinished, file) == 0 else { throw SystemError("cannot write", file) }
        let folder = open(file.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw SystemError("cannot open the folder of", file) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw SystemError("cannot make durable", file) }
    }

    private static func damaged(_ file: String, _ index: Int) -> KeyError {
        KeyError(
            "\(file) is damaged: line \(index + 2) does not agree with its check value",
            hint: "copy it back from where you keep it apart from the backups")
    }
}

import EverlineCryptography
import EverlineProtocol
import Foundation

/// One repository: its storage, its keys, and what `repository.json` says of it.
///
///     repository.json            what it is
///     systems/ID/wal/TIMELINE/   the archive of the cluster with that system identifier
///     systems/ID/backups/BACKUP/ a backup: its files, and manifest.json, without which it is none
///     systems/ID/ledger/         what was in the database at a named moment
///     systems/ID/drills/         what drills have found
///     systems/ID/aside/          files that were refused, for a person to look at
package struct Repository: Sendable {
    package let storage: any Storage
    /// nil when it was made without encryption.
    package let keys: KeyRing?
    package let description: RepositoryDescription
    /// Of what is written from now on.
    private let compression: Compression

    package static let descriptionName = "repository.json"

    /// Opens a repository that is there.
    package init(_ storage: any Storage, keyFile: String?, compression: Compression = .zstd) throws {
        self.storage = storage
        self.compression = compression
        guard let file = try storage.open(Self.descriptionName) else {
            throw GuardianError(
                "\(storage.place) is no repository: it has no \(Self.descriptionName)",
                hint: "`db-guardian repository create` makes one; set repository.paths")
        }
        description = try Sealed<RepositoryDescription>.read(try file.readAll(), name: Self.descriptionName, keys: nil)
        guard description.format == 1 else {
            throw GuardianError(
                "\(storage.place) has format \(description.format), which this db-guardian does not know", hint: "use a newer one"
            )
        }
        guard let first = description.firstKey else {
            keys = nil
            return
        }
        guard let keyFile else {
            throw KeyError("\(storage.place) is encrypted, and no key file was given", hint: "set repository.keyFile")
        }
        let ring = try KeyRing(file: keyFile)
        guard Hex.decode(first).flatMap(ring.key) != nil else {
            throw KeyError(
                "\(keyFile) is not the key file of \(storage.place): it lacks key \(first)",
                hint: "set repository.keyFile to the key file that the repository was made with")
        }
        keys = ring
    }

    /// Makes a repository in an existing, empty place; one that is there stays as it is.
    /// - Returns: the repository, and whether it was made now.
    package static func create(_ storage: FolderStorage, keyFile: String?) throws -> (repository: Repository, made: Bool) {
        if try storage.open(descriptionName) != nil { return (try Repository(storage, keyFile: keyFile), false) }
        let known = try storage.list("")
        guard known.isEmpty else {
            throw GuardianError(
                "\(storage.place) is not empty and no repository: \(known.prefix(3).joined(separator: ", ")) …",
                hint: "give an empty folder")
        }
        var ring: KeyRing?
        if let keyFile {
            ring =
                FileManager.default.fileExists(atPath: keyFile)
                ? try KeyRing(file: keyFile) : try KeyRing.create(keyFile, owner: storage.owner)
        }
        let description = RepositoryDescription(
            format: 1, id: Hex.encode(try SecureRandom.bytes(8)), createdAt: Timestamp.now.description,
            firstKey: ring.map { Hex.encode($0.current.id) })
        _ = try storage.put(descriptionName, replacing: false) { try $0.write(try Sealed.bytes(description, key: nil)) }
        return (try Repository(storage, keyFile: keyFile), true)
    }

    // MARK: Encoded files

    /// Writes an encoded file under its name.
    /// - Returns: nil if there is one already (and `replacing` is false); else how many bytes went in and out.
    package func encode(
        _ name: String, information: [UInt8] = [], replacing: Bool = false, _ body: (EncodedWriter) throws -> Void
    ) throws -> (plain: Int, stored: Int)? {
        var sizes = (plain: 0, stored: 0)
        let done = try storage.put(name, replacing: replacing) { sink in
            let writer = try EncodedWriter(
                sink, name: name, key: keys?.current, compression: compression, information: information)
            try body(writer)
            try writer.finish()
            sizes = (writer.plainBytes, writer.storedBytes)
        }
        return done ? sizes : nil
    }

    /// Reads an encoded file to its end, which proves that it is whole.
    /// - Returns: its information; nil if there is no such file.
    @discardableResult
    package func decode(_ name: String, _ body: ([UInt8]) throws -> Void) throws -> [UInt8]? {
        guard let file = try storage.open(name) else { return nil }
        return try EncodedReader.read(file, name: name, keys: keys, body)
    }

    // MARK: Documents

    package func document<Body: Codable>(_ name: String, as: Body.Type = Body.self) throws -> Body? {
        guard let file = try storage.open(name) else { return nil }
        return try Sealed<Body>.read(try file.readAll(), name: name, keys: keys)
    }

    package func write(_ body: some Codable, to name: String, replacing: Bool = true) throws {
        let bytes = try Sealed.bytes(body, key: keys?.current)
        guard try storage.put(name, replacing: replacing, { try $0.write(bytes) }) else {
            throw GuardianError("\(storage.place)/\(name) exists already")
        }
    }

    // MARK: Systems

    /// The clusters that have something here, by system identifier.
    package func systems() throws -> [System] { try storage.list("systems").map { System(repository: self, identifier: $0) } }

    /// Makes a place for a further cluster.
    package func allow(_ identifier: String) throws {
        guard UInt64(identifier) != nil else {
            throw GuardianError("\(identifier) is no system identifier", hint: "pg_controldata says it: a long decimal number")
        }
        try write(["system": identifier], to: "systems/\(identifier)/system.json")
    }

    package func system(_ identifier: String) -> System { System(repository: self, identifier: identifier) }

    /// The one cluster that the repository is about.
    /// - Parameter wanted: its identifier, needed only if there are several.
    package func onlySystem(_ wanted: String?) throws -> System {
        let all = try systems()
        if let wanted {
            guard let found = all.first(where: { $0.identifier == wanted }) else {
                throw GuardianError(
                    "\(storage.place) has nothing of system \(wanted)",
                    hint: "it has: \(all.map(\.identifier).joined(separator: ", "))")
            }
            return found
        }
        guard let first = all.first else {
            throw GuardianError("\(storage.place) is empty: no WAL and no backup has come yet", hint: "`db-guardian backup base`")
        }
        guard all.count == 1 else {
            throw GuardianError(
                "\(storage.place) has several clusters: \(all.map(\.identifier).joined(separator: ", "))",
                hint: "name one by repository.system")
        }
        return first
    }
}

/// `repository.json`.
package struct RepositoryDescription: Codable, Sendable {
    package let format: Int
    package let id: String
    package let createdAt: String
    /// The id of the key it was made with; absent without encryption.
    package let firstKey: String?
}

/// What a repository has of one cluster.
package struct System: Sendable {
    package let repository: Repository
    package let identifier: String

    package var root: String { "systems/\(identifier)" }
    package var wal: String { "\(root)/wal" }
    package var backups: String { "\(root)/backups" }
    package var ledger: String { "\(root)/ledger" }
    package var drills: String { "\(root)/drills" }
    package var aside: String { "\(root)/aside" }
}

/// Where a repository's files lie: names with `/` between their parts, each file written once as a whole. Narrow enough for an
/// object store
/// (Documentation/repository.md says how S3 would do each of these).
package protocol Storage: Sendable {
    /// For messages: where it is.
    var place: String { get }
    /// The names directly in a folder, sorted, unfinished files left out; none if there is no such folder.
    func list(_ folder: String) throws -> [String]
    /// - Returns: nil if there is no such file.
    func size(_ name: String) throws -> Int?
    /// - Returns: nil if there is no such file; it throws when that cannot be told.
    func open(_ name: String) throws -> (any StoredFile)?
    /// Writes a file that is seen under its name only when it is whole and on the disk, and its name too.
    /// - Returns: false, and nothing written, if there is such a file and it is not to be replaced.
    func put(_ name: String, replacing: Bool, _ write: (any Sink) throws -> Void) throws -> Bool
    /// Makes sure that a file and its name are on the disk.
    func makeDurable(_ name: String) throws
    /// Removes a file, or a folder with all that is in it; no error if there is none.
    func remove(_ name: String) throws
    /// Removes what writers that died have left in a folder.
    func sweep(_ folder: String)
    /// Takes the lock of that name until the result is let go; nil if somebody else has it.
    func lock(_ name: String, shared: Bool, holder: String) throws -> StorageLock?
    /// Who has the lock, in words.
    func holder(_ name: String) -> String?
}

/// A stored file, read from front to back.
package protocol StoredFile: AnyObject {
    /// Fills the buffer as far as the file goes; less than asked only at its end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// What bytes are written to.
package protocol Sink: AnyObject {
    func write(_ bytes: UnsafeRawBufferPointer) throws
}

extension Sink {
    package func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }
}

extension StoredFile {
    /// The rest of a small file.
    /// - Parameter expected: its size, as far as it is known: so much is read at once, to where it stays.
    package func readAll(limit: Int = 64 << 20, expected: Int = 0) throws -> [UInt8] {
        var all = try [UInt8](unsafeUninitializedCapacity: expected + 1) { buffer, count in
            count = try read(into: UnsafeMutableRawBufferPointer(buffer))
        }
        if all.count <= expected { return all }
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try piece.withUnsafeMutableBytes { try read(into: $0) }
            all += piece[..<count]
            if count < piece.count { return all }
            guard all.count <= limit else { throw GuardianError("a file that should be small is over \(limit) bytes") }
        }
    }
}

/// A lock that ends when this does, or the process does.
package final class StorageLock: Sendable {
    private let release: @Sendable () -> Void
    package init(release: @escaping @Sendable () -> Void) { self.release = release }
    deinit { release() }
}

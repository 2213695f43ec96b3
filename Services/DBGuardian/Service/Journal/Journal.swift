import EverlineProtocol
import Foundation

/// The hash-chained journal of findings, in the folder `journal` of a repository: `findings.jsonl`, one entry a line, and `head.json`. Any number of
/// processes write to it, one at a time by the lock.
package struct Journal: Sendable {
    let folder: String
    let storage: FolderStorage
    let keys: JournalKeys

    package static let folderName = "journal"
    package static let fileName = "findings.jsonl"
    var file: String { "\(folder)/\(Self.fileName)" }
    var headFile: String { "\(folder)/\(JournalHead.name)" }
    package var place: String { file }

    /// How long a writer waits for another one's few milliseconds.
    private static let patience = 10.0
    /// More than that behind the head was not left by a crash.
    private static let mostAhead: Int64 = 64 << 20

    package init(_ storage: FolderStorage, keyFile: String?) throws {
        self.init(storage, keys: try keyFile.map { try KeyRing(file: $0) })
    }

    init(_ storage: FolderStorage, keys: KeyRing?) {
        self.storage = storage
        folder = "\(storage.root)/\(Self.folderName)"
        self.keys = JournalKeys(keys)
    }

    /// Where the journal ends.
    package struct End: Sendable, Equatable {
        package let number: Int64
        package let code: String
        /// Why it is not as it was left; nil if it is.
        package let tampered: String?
    }

    /// Adds entries; they are on the disk when this returns.
    /// - Returns: the numbers they got, and what was found wrong with the end before them. **Blocks its thread.**
    package func append(_ events: [JournalEvent]) throws -> (first: Int64, end: End) {
        let lock = try locked()
        defer { withExtendedLifetime(lock) {} }
        try makeFolder()
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot write", file) }
        let stream = FileDescriptorStream(descriptor, file)
        try give(descriptor, file)
        var (head, tampered) = try settle(descriptor)
        let first = head.number + 1
        var bytes: [UInt8] = []
        let all = (tampered.map { [JournalEvent.tampered($0)] } ?? []) + events
        for event in all {
            let line = try JournalEntry.line(
                head.number + 1, at: Timestamp.now.description, event, previous: head.code, key: keys.current)
            bytes += line.bytes
            head.number += 1
            head.code = line.code
        }
        guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw SystemError("cannot write", file) }
        try stream.write(bytes)
        try stream.synchronize()
        head.offset = Int64(lseek(descriptor, 0, SEEK_CUR))
        let sealed = try JSONEncoder().encode(head.sealed(keys.current))
        _ = try storage.put("\(Self.folderName)/\(JournalHead.name)", replacing: true) { try $0.write(Array(sealed)) }
        return (first + (tampered == nil ? 0 : 1), End(number: head.number, code: head.code, tampered: tampered))
    }

    /// Finds the true end: what a crash has left behind the head is taken over, half a line behind it is cut off. What else is wrong is evidence, and stays.
    private func settle(_ descriptor: Int32) throws -> (head: JournalHead, tampered: String?) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("cannot look at", file) }
        let size = Int64(status.st_size)
        var head: JournalHead
        do { head = try JournalHead.read(headFile, keys) ?? JournalHead() } catch let error as DamageError {
            return try goOn(descriptor, JournalHead(), size, "\(error.artefact): \(error.problem)")
        }
        guard size >= head.offset else {
            return try goOn(descriptor, head, size, "\(head.offset - size) bytes of its end are missing")
        }
        if head.offset > 0 {
            let tail = try read(descriptor, from: head.offset - Int64(JournalEntry.tail) - 1, count: JournalEntry.tail + 1)
            guard tail.elementsEqual(#","code":"\#(head.code)"}"#.utf8.map { $0 } + [10]) else {
                return try goOn(descriptor, head, size, "its last known entry, \(head.number), was changed")
            }
        }
        guard size - head.offset <= Self.mostAhead else {
            return try goOn(descriptor, head, size, "something was written behind its end")
        }
        var rest = try read(descriptor, from: head.offset, count: Int(size - head.offset))[...]
        while let end = rest.firstIndex(of: 10) {
            guard let (entry, isGenuine) = JournalEntry.read(Array(rest[..<end]), keys: keys), isGenuine,
                entry.number == head.number + 1,
                entry.previous == head.code
            else { return try goOn(descriptor, head, size, "what stands behind entry \(head.number) is none of its entries") }
            head.number = entry.number
            head.code = entry.code
            head.offset += Int64(end - rest.startIndex + 1)
            rest = rest[(end + 1)...]
        }
        if !rest.isEmpty, ftruncate(descriptor, off_t(head.offset)) != 0 { throw SystemError("cannot repair", file) }
        return (head, nil)
    }

    /// The chain goes on from the last entry that is known for sure; the break stays to be seen.
    private func goOn(_ descriptor: Int32, _ head: JournalHead, _ size: Int64, _ problem: String) throws -> (JournalHead, String?)
    {
        var head = head
        if size > 0, try read(descriptor, from: size - 1, count: 1) != [10] {
            guard lseek(descriptor, 0, SEEK_END) >= 0, write(descriptor, "\n", 1) == 1 else {
                throw SystemError("cannot write", file)
            }
        }
        if head.number == 0, let last = try lastEntry() {
            head.number = last.number
            head.code = last.code
        }
        return (head, problem)
    }

    private func lastEntry() throws -> JournalEntry? {
        var last: JournalEntry?
        try forEachLine { _, line in
            if let (entry, isGenuine) = JournalEntry.read(line, keys: keys), isGenuine { last = entry }
        }
        return last
    }

    // MARK: Reading

    /// The genuine entries with numbers above `number`, in order.
    package func entries(after number: Int64 = 0) throws -> [JournalEntry] {
        var found: [JournalEntry] = []
        try forEachLine { _, line in
            // Without decoding what is known already.
            guard Self.number(of: line) ?? .max > number else { return }
            if let (entry, isGenuine) = JournalEntry.read(line, keys: keys), isGenuine, entry.number > number {
                found.append(entry)
            }
        }
        return found
    }

    /// Where it ends by its head; nil if there is nothing yet.
    package func end() throws -> End? {
        try JournalHead.read(headFile, keys).map { End(number: $0.number, code: $0.code, tampered: nil) }
    }

    private static func number(of line: [UInt8]) -> Int64? {
        let start = Array(#"{"number":"#.utf8)
        guard line.starts(with: start) else { return nil }
        return Int64(String(decoding: line[start.count...].prefix { 48...57 ~= $0 }, as: UTF8.self))
    }

    /// Whole lines with their numbers from 1.
    /// - Returns: where the last whole line ends, and how many bytes stand behind it.
    @discardableResult
    func forEachLine(_ body: (Int, [UInt8]) throws -> Void) throws -> (end: Int64, rest: Int) {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return (0, 0) }
            throw SystemError("cannot read", file)
        }
        let stream = FileDescriptorStream(descriptor, file)
        var piece = [UInt8](repeating: 0, count: 256 << 10)
        var rest: [UInt8] = []
        var number = 0
        var end: Int64 = 0
        while true {
            let count = try piece.withUnsafeMutableBytes { try stream.read(into: $0) }
            var start = 0
            while let newline = piece[start..<count].firstIndex(of: 10) {
                let line = rest + piece[start..<newline]
                rest.removeAll()
                number += 1
                end += Int64(line.count + 1)
                try body(number, line)
                start = newline + 1
            }
            rest += piece[start..<count]
            // No entry of ours is that long: a file that is none of ours is not taken into memory.
            guard rest.count < 16 << 20 else { throw DamageError(file, "it has a line of over 16 MiB") }
            if count < piece.count { return (end, rest.count) }
        }
    }

    private func read(_ descriptor: Int32, from offset: Int64, count: Int) throws -> [UInt8] {
        guard offset >= 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, count, off_t(offset)) }
        guard got >= 0 else { throw SystemError("cannot read", file) }
        return Array(bytes[..<got])
    }

    // MARK: Folder and lock

    func locked() throws -> StorageLock {
        let end = Date().addingTimeInterval(Self.patience)
        while true {
            if let lock = try storage.lock(Self.folderName, shared: false, holder: "the journal of findings") { return lock }
            guard Date() < end else {
                throw BusyError(place: folder, holder: storage.holder(Self.folderName) ?? "another process")
            }
            usleep(5_000)
        }
    }

    private func makeFolder() throws {
        if mkdir(folder, 0o700) == 0 {
            if let owner = storage.owner { _ = chown(folder, owner.user, owner.group) }
        } else if errno != EEXIST {
            throw SystemError("cannot make the folder", folder)
        }
    }

    /// It belongs to whom the repository belongs to.
    private func give(_ descriptor: Int32, _ name: String) throws {
        if let owner = storage.owner, fchown(descriptor, owner.user, owner.group) != 0 {
            throw SystemError("cannot give away", name)
        }
    }
}

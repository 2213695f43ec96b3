import EverlineCryptography
import Foundation
import Synchronization

/// A queue of its own, for which threads are made at once: those of the global one may all wait for what is done here.
private let coding = DispatchQueue(label: "everline.coding", attributes: .concurrent)

/// A chunk that is worked on beside others, and beside whoever makes or takes them.
private final class Work<Chunk: Sendable>: Sendable {
    private let result = Mutex<Result<Chunk, any Error>?>(nil)
    private let done = DispatchGroup()

    /// Begins with it.
    init(_ body: @escaping @Sendable () throws -> Chunk) {
        coding.async(group: done) {
            let result = Result { try body() }
            self.result.withLock { $0 = result }
        }
    }

    /// The chunk, once it is there.
    func chunk() throws -> Chunk {
        done.wait()
        guard let result = result.withLock({ $0 }) else { preconditionFailure("work that has ended has a result") }
        return try result.get()
    }

    /// So many at a time keep all processors busy.
    static var most: Int { max(2, ProcessInfo.processInfo.activeProcessorCount * 2) }
}

/// Writes one encoded file: what comes in is cut into chunks, which are compressed and encrypted side by side while more comes in.
package final class EncodedWriter: Sink {
    private let sink: any Sink
    private let coder: ChunkCoder
    private var pending: [UInt8] = []
    private var working: [Work<[UInt8]>] = []
    private var number = 0
    /// How many bytes came in, and how many went out.
    package private(set) var plainBytes = 0
    package private(set) var storedBytes = 0

    private static let most = Work<[UInt8]>.most

    /// - Parameter name: the file's name in the repository, which it can then only be read under.
    package init(_ sink: any Sink, name: String, key: RepositoryKey?, compression: Compression, information: [UInt8]) throws {
        let header = EncodedHeader(
            compression: compression, keyID: key?.id, salt: try SecureRandom.bytes(16), information: information)
        self.sink = sink
        coder = ChunkCoder(header, key: key?.bytes, name: name)
        pending.reserveCapacity(EncodedHeader.chunkSize)
        try sink.write(header.bytes)
        storedBytes = header.bytes.count
    }

    /// Bytes that stay where they are until they have been worked on; only the rest of them is copied.
    package func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while pending.isEmpty, rest.count > EncodedHeader.chunkSize {
            try begin(rest.prefix(EncodedHeader.chunkSize), last: false)
            plainBytes += EncodedHeader.chunkSize
            rest = rest.dropFirst(EncodedHeader.chunkSize)
        }
        try rest.withUnsafeBytes { try write($0) }
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        plainBytes += bytes.count
        var rest = bytes[...]
        while !rest.isEmpty {
            // The last chunk is known only at the end, so a full one waits for the next byte.
            if pending.count == EncodedHeader.chunkSize { try flush(last: false) }
            let part = rest.prefix(EncodedHeader.chunkSize - pending.count)
            pending += part
            rest = rest.dropFirst(part.count)
        }
    }

    package func finish() throws {
        try flush(last: true)
        while !working.isEmpty { try settle() }
    }

    private func flush(last: Bool) throws {
        let plain = pending
        pending = []
        if !last { pending.reserveCapacity(EncodedHeader.chunkSize) }
        try begin(plain[...], last: last)
    }

    private func begin(_ plain: ArraySlice<UInt8>, last: Bool) throws {
        if working.count == Self.most { try settle() }
        let (coder, number) = (coder, number)
        working.append(Work { try plain.withUnsafeBytes { try coder.encode($0, number: number, last: last) } })
        self.number += 1
    }

    /// Writes the oldest of those that are worked on.
    private func settle() throws {
        let chunk = try working.removeFirst().chunk()
        try sink.write(chunk)
        storedBytes += chunk.count
    }
}

/// Reads one encoded file.
package enum EncodedReader {
    /// What the file says of itself. It is authenticated only once its first chunk has been read.
    package static func information(_ file: any StoredFile, name: String) throws -> [UInt8] {
        try EncodedHeader(from: file, name: name).information
    }

    /// Gives all plain bytes in order, piece by piece, and the information. What was given before an error must not be used.
    @discardableResult
    package static func read(
        _ file: any StoredFile, name: String, keys: KeyRing?, _ body: ([UInt8]) throws -> Void
    ) throws -> [UInt8] {
        let header = try EncodedHeader(from: file, name: name)
        let coder = ChunkCoder(header, key: try header.keyID.map { try key($0, keys, name) }, name: name)
        var read = 0
        var given = 0
        var ended = false
        var failure: (any Error)?
        var working: [Work<[UInt8]?>] = []
        /// Reads some more, and has it worked on.
        func fill() {
            while working.count < Work<[UInt8]?>.most, !ended, failure == nil {
                do {
                    let (chunk, last) = try stored(file, name)
                    let number = read
                    working.append(Work { try coder.decode(chunk, number: number) })
                    read += 1
                    ended = last
                } catch {
                    // A file that ends too soon may do so because of damage before: that is told first.
                    failure = error
                }
            }
        }
        fill()
        while !working.isEmpty {
            try Task.checkCancellation()
            guard let plain = try working.removeFirst().chunk() else {
                throw DamageError(name, "chunk \(given) is not what was written")
            }
            fill()
            try body(plain)
            given += 1
        }
        if let failure { throw failure }
        var more: UInt8 = 0
        guard try withUnsafeMutableBytes(of: &more, { try file.read(into: $0) }) == 0 else {
            throw DamageError(name, "it goes on after its end")
        }
        return header.information
    }

    private static func stored(_ file: any StoredFile, _ name: String) throws -> (chunk: [UInt8], last: Bool) {
        let frame = try file.take(4, name)
        let word = UInt32(frame[0]) << 24 | UInt32(frame[1]) << 16 | UInt32(frame[2]) << 8 | UInt32(frame[3])
        let length = Int(word & 0x7FFF_FFFF)
        guard length <= EncodedHeader.chunkSize + (EncodedHeader.chunkSize >> 4) else {
            throw DamageError(name, "a chunk's length is impossible")
        }
        return (frame + (try file.take(length + 16, name)), word >> 31 == 1)
    }

    private static func key(_ id: [UInt8], _ keys: KeyRing?, _ name: String) throws -> [UInt8] {
        guard let key = keys?.key(id) else {
            throw KeyError(
                "\(name) is encrypted with key \(Hex.encode(id)), which \(keys.map { "is not in \($0.file)" } ?? "was not given")",
                hint: "set repository.keyFile to the key file that was used when it was written")
        }
        return key.bytes
    }
}

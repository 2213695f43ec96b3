import EverlineCryptography
import Foundation
import Synchronization

/// A queue of its own, for which threads are made at once: those of the global one may all wait for what is done here.
private let coding = DispatchQueue(label: "everline.coding", attributes: .concurrent)

/// Chunks that are worked on side by side, and beside whoever makes or takes them.
private final class Batch<Chunk: Sendable>: Sendable {
    private let results: Mutex<[Result<Chunk, any Error>?]>
    private let done = DispatchGroup()

    /// Begins with the work.
    init(_ count: Int, _ work: @escaping @Sendable (Int) throws -> Chunk) {
        results = Mutex(Array(repeating: nil, count: count))
        coding.async(group: done) {
            DispatchQueue.concurrentPerform(iterations: count) { index in
                let chunk = Result { try work(index) }
                self.results.withLock { $0[index] = chunk }
            }
        }
    }

    /// The chunks in their order, once all are there.
    func chunks() -> [Result<Chunk, any Error>] {
        done.wait()
        return results.withLock { $0 }.compactMap(\.self)
    }

    /// As many as keep all processors busy.
    static var size: Int { max(2, ProcessInfo.processInfo.activeProcessorCount * 2) }
}

/// Writes one encoded file: what comes in is cut into chunks, which are compressed and encrypted side by side while more comes in.
package final class EncodedWriter: Sink {
    private let sink: any Sink
    private let coder: ChunkCoder
    private var pending: [UInt8] = []
    private var working: Batch<[UInt8]>?
    private var number = 0
    /// How many bytes came in, and how many went out.
    package private(set) var plainBytes = 0
    package private(set) var storedBytes = 0

    private static let batch = EncodedHeader.chunkSize * Batch<[UInt8]>.size

    /// - Parameter name: the file's name in the repository, which it can then only be read under.
    package init(_ sink: any Sink, name: String, key: RepositoryKey?, compression: Compression, information: [UInt8]) throws {
        let header = EncodedHeader(
            compression: compression, keyID: key?.id, salt: try SecureRandom.bytes(16), information: information)
        self.sink = sink
        coder = ChunkCoder(header, key: key?.bytes, name: name)
        pending.reserveCapacity(Self.batch)
        try sink.write(header.bytes)
        storedBytes = header.bytes.count
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        plainBytes += bytes.count
        var rest = bytes[...]
        while !rest.isEmpty {
            // The last chunk is known only at the end, so a full batch waits for the next byte.
            if pending.count == Self.batch { try flush(last: false) }
            let part = rest.prefix(Self.batch - pending.count)
            pending += part
            rest = rest.dropFirst(part.count)
        }
    }

    package func finish() throws {
        try flush(last: true)
        try settle()
    }

    private func flush(last: Bool) throws {
        let size = EncodedHeader.chunkSize
        let count = max(1, (pending.count + size - 1) / size)
        let (coder, first, plain) = (coder, number, pending)
        pending = []
        if !last { pending.reserveCapacity(Self.batch) }
        // One batch at a time, so that no more than two are held.
        try settle()
        working = Batch(count) { index in
            try plain.withUnsafeBytes { all in
                let part = UnsafeRawBufferPointer(rebasing: all[index * size..<min(all.count, (index + 1) * size)])
                return try coder.encode(part, number: first + index, last: last && index == count - 1)
            }
        }
        number += count
    }

    /// Writes what was worked on.
    private func settle() throws {
        for result in working?.chunks() ?? [] {
            let chunk = try result.get()
            try sink.write(chunk)
            storedBytes += chunk.count
        }
        working = nil
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
        var number = 0
        var ended = false
        /// Reads some, and has them worked on.
        func next() throws -> Batch<[UInt8]?>? {
            guard !ended else { return nil }
            var stored: [[UInt8]] = []
            while stored.count < Batch<[UInt8]?>.size, !ended {
                let (chunk, last) = try self.stored(file, name)
                stored.append(chunk)
                ended = last
            }
            let (chunks, first) = (stored, number)
            number += chunks.count
            return Batch(chunks.count) { try coder.decode(chunks[$0], number: first + $0) }
        }
        var given = 0
        var working = try next()
        while let batch = working {
            try Task.checkCancellation()
            let chunks = batch.chunks()
            // A file that ends too soon may do so because of damage before: that is told first.
            let following = Result { try next() }
            for result in chunks {
                guard let plain = try result.get() else { throw DamageError(name, "chunk \(given) is not what was written") }
                try body(plain)
                given += 1
            }
            working = try following.get()
        }
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

package import EverlineProtocol
import Foundation

/// Lines of a file, read in parts, with where each begins.
package final class LineSource {
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var start = 0
    private var offset: UInt64 = 0
    private var ended = false
    /// Of the line that was read last, from 1.
    package private(set) var number = 0

    /// A message of ours is at most some 100 KB; a post of others' with all its replies may be much longer.
    private static let longest = 64 << 20

    /// - Parameter path: `nil` for standard input.
    package init(_ path: String?) throws {
        guard let path else {
            handle = .standardInput
            return
        }
        guard let opened = FileHandle(forReadingAtPath: path) else { throw ImportError("\(path) cannot be read") }
        handle = opened
    }

    /// The next line without its end, and where it begins; blank ones are left out.
    package func next() throws -> (bytes: [UInt8], offset: UInt64)? {
        while true {
            if let end = buffer[start...].firstIndex(of: 0x0A) {
                let line = Array(buffer[start..<end])
                let begin = offset
                offset += UInt64(end + 1 - start)
                start = end + 1
                number += 1
                if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { continue }
                return (line, begin)
            }
            if ended {
                guard start < buffer.count else { return nil }
                let line = Array(buffer[start...])
                start = buffer.count
                number += 1
                return (line, offset)
            }
            guard buffer.count - start <= Self.longest else { throw ImportError("line \(number + 1) is longer than 64 MiB") }
            buffer.removeFirst(start)
            start = 0
            if let more = try handle.read(upToCount: 1 << 20), !more.isEmpty {
                buffer.append(contentsOf: more)
            } else {
                ended = true
            }
        }
    }

    /// The line that begins there.
    package func line(at place: UInt64) throws -> [UInt8] {
        try handle.seek(toOffset: place)
        (buffer, start, offset, ended) = ([], 0, place, false)
        guard let line = try next() else { throw ImportError("the file has become shorter while it was read") }
        return line.bytes
    }

    package func json(_ bytes: [UInt8]) throws -> JSON {
        do {
            return try JSONParser.parse(bytes)
        } catch {
            throw ImportError("line \(number) is no JSON: \(error)")
        }
    }
}

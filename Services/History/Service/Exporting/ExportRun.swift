import EverlinePostgres
package import EverlineProtocol
import EverlineReading
package import EverlineService
import Foundation
package import Logging

/// An export at the prompt: all of a room or of a person's messages, page by page, so that memory does not grow with it.
package struct ExportRun: Sendable {
    package enum Source: Sendable {
        case room(String)
        case user(String)
    }

    private let connection: PostgresConnection
    private let finder: MessageFinder
    private let pool: PostgresPool

    private static let page: Int64 = 1_000

    package static func with(_ settings: Settings, logger: Logger, _ body: (ExportRun) async throws -> Void) async throws {
        var configuration = try settings.postgres(service: "history")
        configuration.target = .any
        let pool = PostgresPool(configuration: configuration, logger: logger)
        do {
            try await pool.withConnection { connection in
                try await body(ExportRun(connection: connection, finder: MessageFinder(pool: pool), pool: pool))
            }
            await pool.shutdown()
        } catch {
            await pool.shutdown()
            throw error
        }
    }

    /// Writes lines, each with its `\n`, to `write`; answers how many messages they are.
    ///
    /// - Parameter after: the last number that is not wanted.
    package func run(_ source: Source, _ format: ExportFormat, after: Int64, write: (String) throws -> Void) async throws -> Int64
    {
        let epoch: String = try await connection.query("SELECT generation || '-' || token FROM everline.epoch").decode(0, 0)
        if after == 0, let header = ExportLines.header(format) { try write(header + "\n") }
        var written: Int64 = 0
        switch source {
        case .room(let name):
            guard
                let room: Int64 = try await connection.query("SELECT id FROM everline.rooms WHERE name = \(name)").first?[0]
                    .decode()
            else { throw RPCError(.roomNotFound, detail: name) }
            var last = after
            while true {
                let seqs = Array(last + 1...last + Self.page)
                let found = try await finder.messages(
                    Array(repeating: room, count: seqs.count), seqs, namingAll: true, epoch: epoch, on: connection)
                for message in found { try write(try ExportLines.line(message, format) + "\n") }
                written += Int64(found.count)
                last += Int64(found.count)
                if found.count < seqs.count { break }
            }
        case .user(let name):
            guard
                let user: Int64 = try await connection.query(
                    "SELECT id FROM everline.users WHERE username_key = \(UsernameKey.of(name))"
                ).first?[0].decode()
            else { throw RPCError(.userNotFound, detail: name) }
            let export = Export(
                sources: Sources(rooms: RoomStates(pool), messages: MessageReader(pool: pool), questions: pool), finder: finder)
            var next: String?
            repeat {
                let page = try await export.read(
                    ExportParams(source: .account(after: next), format: format, limit: Self.page, epoch: epoch), reader: user)
                // The header is written already.
                for line in next == nil && format == .csv ? page.lines.dropFirst() : page.lines[...] {
                    try write(line + "\n")
                    written += 1
                }
                next = if case .string(let place)? = page.next { place } else { nil }
            } while next != nil
        }
        return written
    }
}

/// A file that an export goes into, and goes on in.
package final class ExportFile {
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    /// The last number that is in it already.
    package let after: Int64

    /// - Parameters:
    ///   - path: `nil` for standard output.
    ///   - resuming: goes on where a JSON Lines file ends; a last line that was cut off is taken away.
    package init(_ path: String?, resuming: Bool) throws {
        guard let path else {
            handle = .standardOutput
            after = 0
            return
        }
        if !resuming {
            guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
                let made = FileHandle(forWritingAtPath: path)
            else { throw ConfigurationError("\(path) cannot be written") }
            handle = made
            after = 0
            return
        }
        guard let opened = FileHandle(forUpdatingAtPath: path) else {
            throw ConfigurationError("\(path) cannot be read and written")
        }
        handle = opened
        let size = try opened.seekToEnd()
        // A line is a message: at most some 100 KB as JSON, were each of its characters escaped.
        let start = size > 262_144 ? size - 262_144 : 0
        try opened.seek(toOffset: start)
        let tail = [UInt8](try opened.readToEnd() ?? Data())
        guard let end = tail.lastIndex(of: 0x0A) else {
            try opened.truncate(atOffset: 0)
            after = 0
            return
        }
        let begin = tail[..<end].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        guard case .int(let seq)? = (try? JSONParser.parse(Array(tail[begin..<end])))?["seq"] else {
            throw ConfigurationError("\(path) does not end as an export of a room as JSON Lines does")
        }
        try opened.truncate(atOffset: start + UInt64(end) + 1)
        try opened.seekToEnd()
        after = seq
    }

    package func write(_ line: String) throws {
        buffer.append(contentsOf: line.utf8)
        if buffer.count >= 65_536 { try flush() }
    }

    package func flush() throws {
        try handle.write(contentsOf: buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}

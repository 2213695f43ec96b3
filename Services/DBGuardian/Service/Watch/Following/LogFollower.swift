import Foundation

/// Puts the pieces of log files together to lines, each given once, and says what is not as a log should be: files that shrink, change or vanish.
package struct LogFollower: Sendable {
    /// How far one file was read, to its last whole line.
    package struct File: Codable, Sendable, Equatable {
        package var name: String
        package var offset: Int64
        /// Lines before `offset`.
        package var line: Int
        /// The bytes before `offset`.
        package var tail: [UInt8]

        package init(name: String, offset: Int64 = 0, line: Int = 0, tail: [UInt8] = []) {
            self.name = name
            self.offset = offset
            self.line = line
            self.tail = tail
        }
    }
    package enum Irregularity: Sendable, Equatable {
        case gone(String)
        case shrank(String, from: Int64, to: Int64)
        /// It is as long as it was, or longer, but what was read of it last is not there.
        case rewritten(String)
        /// Longer than what is judged of a line.
        case longLine(LogPlace)
    }

    private var files: [String: File]
    /// The beginning of a line whose end has not come.
    private var unfinished: [String: Unfinished] = [:]

    private struct Unfinished {
        var bytes: [UInt8] = []
        /// Bytes that were read, also those that are not kept.
        var count: Int64 = 0
    }

    /// More files than this are not remembered, the first names go first: they come with the date in them.
    private static let most = 4_096

    package init(_ files: [File]) { self.files = Dictionary(files.map { ($0.name, $0) }) { _, last in last } }

    /// To be kept: the same lines are not given again to a follower that begins with it.
    package var state: [File] { files.values.sorted { $0.name < $1.name } }

    package var marks: [LogMark] {
        files.values.map { file in
            let waiting = unfinished[file.name]
            return LogMark(
                name: file.name, offset: file.offset + (waiting?.count ?? 0), overlap: Int64(tail(file, waiting).count))
        }
    }

    private func tail(_ file: File, _ waiting: Unfinished?) -> ArraySlice<UInt8> {
        guard let waiting else { return file.tail[...] }
        // Of a line that is too long to be kept whole only the first part is there, and nothing to compare with.
        guard waiting.count == waiting.bytes.count else { return [] }
        return waiting.bytes.count >= LogLimits.tail
            ? waiting.bytes.suffix(LogLimits.tail) : (file.tail + waiting.bytes).suffix(LogLimits.tail)
    }

    /// - Parameter each: gets every whole line, without its end.
    package mutating func take(
        _ news: LogNews, _ each: (UnsafeBufferPointer<UInt8>, LogPlace) -> Void
    ) -> (irregularities: [Irregularity], more: Bool) { take(news) { line, place, _ in each(line, place) } }

    /// - Parameter each: gets every whole line, without its end, and the offset at which it begins.
    /// - Returns: what is wrong, and whether there may be more at once.
    package mutating func take(
        _ news: LogNews, _ each: (UnsafeBufferPointer<UInt8>, LogPlace, Int64) -> Void
    ) -> (irregularities: [Irregularity], more: Bool) {
        var found: [Irregularity] = []
        var more = false
        for name in news.gone {
            files[name] = nil
            unfinished[name] = nil
            found.append(.gone(name))
        }
        for piece in news.pieces {
            var file = files[piece.name] ?? File(name: piece.name)
            let waiting = unfinished[piece.name]
            let expected = Array(tail(file, waiting))
            let read = file.offset + (waiting?.count ?? 0)
            if piece.size < read || !piece.bytes.starts(with: expected) {
                found.append(piece.size < read ? .shrank(piece.name, from: read, to: piece.size) : .rewritten(piece.name))
                // From its beginning: what stands there now was not read.
                files[piece.name] = File(name: piece.name)
                unfinished[piece.name] = nil
                more = true
                continue
            }
            piece.bytes.withUnsafeBufferPointer {
                split(&file, UnsafeBufferPointer(rebasing: $0[expected.count...]), &found, each)
            }
            files[piece.name] = file
            more = more || file.offset + (unfinished[piece.name]?.count ?? 0) < piece.size
        }
        more = more || news.pieces.count == LogLimits.files
        while files.count > Self.most, let first = files.keys.min() {
            files[first] = nil
            unfinished[first] = nil
        }
        return (found, more)
    }

    private mutating func split(
        _ file: inout File, _ new: UnsafeBufferPointer<UInt8>, _ found: inout [Irregularity],
        _ each: (UnsafeBufferPointer<UInt8>, LogPlace, Int64) -> Void
    ) {
        guard let base = new.baseAddress else { return }
        let before = tail(file, unfinished[file.name])
        var start = 0
        while start < new.count, let newline = memchr(base + start, 0x0A, new.count - start) {
            let end = UnsafeRawPointer(newline) - UnsafeRawPointer(base)
            let piece = UnsafeBufferPointer(rebasing: new[start..<end])
            let place = LogPlace(file: file.name, line: file.line + 1)
            let position = file.offset
            if var waiting = unfinished.removeValue(forKey: file.name) {
                Self.append(piece, to: &waiting)
                waiting.bytes.withUnsafeBufferPointer { each($0, place, position) }
                if waiting.count > waiting.bytes.count { found.append(.longLine(place)) }
                file.offset += waiting.count + 1
            } else {
                each(piece, place, position)
                file.offset += Int64(piece.count) + 1
            }
            file.line += 1
            start = end + 1
        }
        if start > 0 {
            let consumed = UnsafeBufferPointer(rebasing: new[max(0, start - LogLimits.tail)..<start])
            file.tail = Array((before + consumed).suffix(LogLimits.tail))
        }
        guard start < new.count else { return }
        var waiting = unfinished.removeValue(forKey: file.name) ?? Unfinished()
        Self.append(UnsafeBufferPointer(rebasing: new[start...]), to: &waiting)
        unfinished[file.name] = waiting
    }

    private static func append(_ piece: UnsafeBufferPointer<UInt8>, to waiting: inout Unfinished) {
        waiting.count += Int64(piece.count)
        let room = LogLimits.line - waiting.bytes.count
        if room > 0 { waiting.bytes.append(contentsOf: piece.prefix(room)) }
    }
}

/// Where the server's log is read from.
package protocol LogSource: Sendable {
    /// The log files there are, oldest first.
    func list() async throws -> [LogFile]
    /// What is new behind these marks, in the order in which it was written; a bounded amount, the rest next time.
    func read(_ marks: [LogMark]) async throws -> LogNews
}

package struct LogFile: Sendable, Equatable {
    package let name: String
    package let size: Int64
    /// Seconds since 1970.
    package let modified: Int64
}

/// How far one file was read.
package struct LogMark: Sendable {
    package let name: String
    package let offset: Int64
    /// So many bytes before `offset` are to be read again: they tell whether it still is the file that was read.
    package let overlap: Int64

    package init(name: String, offset: Int64, overlap: Int64) {
        self.name = name
        self.offset = offset
        self.overlap = overlap
    }
}

package struct LogNews: Sendable {
    package struct Piece: Sendable {
        package let name: String
        package let size: Int64
        /// From `offset - overlap` of the mark on; nothing if the file is shorter than that.
        package let bytes: [UInt8]

        package init(name: String, size: Int64, bytes: [UInt8]) {
            self.name = name
            self.size = size
            self.bytes = bytes
        }
    }
    package var pieces: [Piece] = []
    /// Marked files that are not there any more.
    package var gone: [String] = []

    package init() {}
}

enum LogLimits {
    /// Bytes of one file a read.
    static let piece: Int64 = 2 << 20
    /// Files a read.
    static let files = 4
    /// What is kept of a line; what lies behind it is not judged, and that is told.
    static let line = 64 << 20
    /// Bytes by which a file is known again.
    static let tail = 64
}

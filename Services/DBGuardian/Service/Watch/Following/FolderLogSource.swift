import Foundation

/// The log in a folder that this process can read: where the server's disk is at hand, also while the server is not.
package struct FolderLogSource: LogSource {
    private let folder: String

    package init(_ folder: String) { self.folder = folder }

    package func list() async throws -> [LogFile] {
        let folder = folder
        return try await Blocking.run { try Self.list(folder) }
    }

    private static func list(_ folder: String) throws -> [LogFile] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw SystemError("cannot list", folder)
        }
        return names.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.compactMap { name in
            var status = stat()
            guard stat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            return LogFile(name: name, size: Int64(status.st_size), modified: Int64(status.st_mtim.tv_sec))
        }.sorted { ($0.modified, $0.name) < ($1.modified, $1.name) }
    }

    package func read(_ marks: [LogMark]) async throws -> LogNews {
        let folder = folder
        return try await Blocking.run {
            var known = Dictionary(marks.map { ($0.name, $0) }) { first, _ in first }
            var news = LogNews()
            for file in try Self.list(folder) {
                let mark = known.removeValue(forKey: file.name) ?? LogMark(name: file.name, offset: 0, overlap: 0)
                guard file.size != mark.offset, news.pieces.count < LogLimits.files else { continue }
                let from = mark.offset - mark.overlap
                let count = min(LogLimits.piece, max(0, file.size - from))
                news.pieces.append(
                    .init(name: file.name, size: file.size, bytes: try Self.bytes("\(folder)/\(file.name)", from, count)))
            }
            news.gone = known.keys.sorted()
            return news
        }
    }

    private static func bytes(_ path: String, _ from: Int64, _ count: Int64) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        let read = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(from)) }
        guard read >= 0 else { throw SystemError("cannot read", path) }
        return Array(bytes[..<read])
    }
}

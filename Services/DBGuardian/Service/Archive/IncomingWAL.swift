import EverlineProtocol
import Foundation

/// A file that PostgreSQL hands to the archive, looked at before it is taken.
package struct IncomingWAL: Sendable {
    package let name: String
    package let system: String
    package let bytes: [UInt8]
    package let information: SegmentInformation

    /// nil for all but whole segments.
    package var segment: SegmentName? { SegmentName(name, size: max(1, information.segmentSize)) }

    /// - Parameter path: as `%p` says: in `pg_wal` of a data directory, whose `pg_control` tells the system of files that do
    ///   not themselves.
    package init(path: String) throws {
        let name = path.lastName
        guard let kind = ArchiveFile(name) else {
            throw GuardianError(
                "\(name) is no name of a file that PostgreSQL archives", hint: "archive_command is `… wal push %p`")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("cannot read", path) }
        let file = FileDescriptorStream(descriptor, path)
        let bytes = try file.readAll(limit: 1 << 30, expected: min(try file.size, 1 << 30))
        try self.init(name: name, kind: kind, bytes: bytes, control: try Self.systemOfDataDirectory(around: path))
    }

    package init(name: String, kind: ArchiveFile, bytes: [UInt8], control: String?) throws {
        self.name = name
        self.bytes = bytes
        var system = control
        var contents = SegmentContents()
        var size: UInt64 = 0
        if kind == .segment || kind == .partial {
            guard let header = bytes.withUnsafeBytes({ WALHeader($0) }) else {
                throw GuardianError("\(name) does not begin as a WAL segment", hint: "is the disk of pg_wal well?")
            }
            size = header.segmentSize
            guard UInt64(bytes.count) == size else {
                throw GuardianError(
                    "\(name) has \(bytes.count) bytes where a segment has \(size): it was cut",
                    hint: "is the disk of pg_wal full?")
            }
            let own = SegmentName(timeline: header.timeline, holding: header.pageAddress, size: size)
            // A segment in which a timeline begins still has its parent's pages in front, named by the parent.
            guard let named = SegmentName(name.prefix(24), size: size), named.number == own.number, named.timeline >= own.timeline
            else { throw GuardianError("\(name) says inside that it is \(own)") }
            let inside = "\(header.systemIdentifier)"
            if let control, control != inside {
                throw GuardianError("\(name) is of system \(inside), but the data directory it lies in is of system \(control)")
            }
            system = inside
            contents = bytes.withUnsafeBytes { WALRecords.contents($0) } ?? contents
        }
        guard let system else {
            throw GuardianError(
                "\(name) does not tell its system, and there is no global/pg_control beside its pg_wal",
                hint: "run it as archive_command, in the data directory")
        }
        self.system = system
        information = SegmentInformation(
            kind: "wal", system: system, segmentSize: size, contents: contents, archivedAt: Timestamp.now.description)
    }

    /// The system identifier in `global/pg_control` (its first eight bytes) of the data directory that `path` lies in; nil if
    /// there is none.
    private static func systemOfDataDirectory(around path: String) throws -> String? {
        let folder = path.folder
        let control = folder.isEmpty ? "../global/pg_control" : "\(folder)/../global/pg_control"
        let descriptor = open(control, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw SystemError("cannot read", control)
        }
        let bytes = try FileDescriptorStream(descriptor, control).take(8, control)
        return "\(UInt64(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }))"
    }
}

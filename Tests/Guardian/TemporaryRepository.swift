import Foundation
import GuardianService

/// A repository in a folder of its own, which goes with it.
final class TemporaryRepository {
    let folder: String
    let keyFile: String
    let repository: Repository

    init(encrypted: Bool = true) throws {
        folder = NSTemporaryDirectory() + "/everline-repository-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: "\(folder)/data", withIntermediateDirectories: true)
        keyFile = "\(folder)/key"
        repository = try Repository.create(FolderStorage("\(folder)/data"), keyFile: encrypted ? keyFile : nil).repository
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: folder) } catch { print("left behind: \(folder): \(error)") }
    }

    func path(_ name: String) -> String { "\(folder)/data/\(name)" }
    func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path(name)))) }
    func overwrite(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(fileURLWithPath: path(name))) }

    func read(_ name: String) throws -> [UInt8]? {
        var all: [UInt8] = []
        return try repository.decode(name) { all += $0 } == nil ? nil : all
    }

    /// Everything that lies in it, unfinished files too.
    var files: [String] {
        (FileManager.default.enumerator(atPath: "\(folder)/data")?.allObjects as? [String] ?? []).sorted()
    }
}

/// A segment as PostgreSQL 15 writes it, without records.
func segment(
    _ name: String, system: UInt64 = 7_000_000_000_000_000_001, size: Int = 1 << 20, fill: UInt8 = 0
) throws -> IncomingWAL {
    let named = SegmentName(name, size: UInt64(size))!
    var bytes = [UInt8](repeating: fill, count: size)
    func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
    }
    put(UInt16(0xD110), at: 0)
    put(UInt16(2), at: 2)
    put(named.timeline, at: 4)
    put(named.start.value, at: 8)
    put(UInt32(0), at: 16)
    put(system, at: 24)
    put(UInt32(size), at: 32)
    put(UInt32(8_192), at: 36)
    return try IncomingWAL(name: name, kind: .segment, bytes: bytes, control: nil)
}

import Foundation
import GuardianService
import Testing

@Suite("The archive of the WAL") struct ArchiveTests {
    static let name = "000000010000000000000005"

    @Test("names of segments are read and written as PostgreSQL does")
    func names() throws {
        let size: UInt64 = 16 << 20
        let one = try #require(SegmentName("0000000200000001000000FF", size: size))
        #expect(one.timeline == 2 && one.number == 511)
        #expect(one.next.description == "000000020000000200000000")
        #expect(SegmentName(timeline: 1, holding: LSN("1/6D8A40")!, size: size).description == "000000010000000100000000")
        for wrong in [
            "000000010000000000000100", "00000001000000000000000", "00000001000000000000000g", "000000000000000000000001",
        ] {
            #expect(SegmentName(wrong, size: size) == nil, "\(wrong)")
        }
        let kinds: [(String, ArchiveFile?)] = [
            (Self.name, .segment), ("\(Self.name).partial", .partial), ("00000002.history", .history(2)),
            ("\(Self.name).00000028.backup", .backup), ("\(Self.name).streamed", nil), ("../etc/passwd", nil), ("", nil),
            ("00000002.History", nil), (String(repeating: "0", count: 65), nil),
        ]
        for (text, kind) in kinds { #expect(ArchiveFile(text) == kind, "\(text)") }
    }

    @Test("a file is archived, comes back the same, and is welcome again with the same bytes")
    func pushed() throws {
        let place = try TemporaryRepository()
        let archive = WALArchive(place.repository)
        let file = try segment(Self.name)
        #expect(try archive.push(file) == .archived)
        #expect(try archive.push(file) == .knownAlready)
        #expect(try archive.fetch(Self.name, system: place.repository.onlySystem(nil)) == file.bytes)
        #expect(try archive.fetch("000000010000000000000006", system: place.repository.onlySystem(nil)) == nil)
        #expect(try archive.fetch("00000002.history", system: place.repository.onlySystem(nil)) == nil)
    }

    @Test("other bytes under the same name are refused, put aside, and change nothing")
    func different() throws {
        let place = try TemporaryRepository()
        let archive = WALArchive(place.repository)
        let first = try segment(Self.name)
        _ = try archive.push(first)
        let other = try segment(Self.name, fill: 7)
        #expect(throws: GuardianError.self) { try archive.push(other) }
        let system = try place.repository.onlySystem(nil)
        #expect(try archive.fetch(Self.name, system: system) == first.bytes)
        #expect(try place.repository.storage.list(system.aside).count == 1)
    }

    @Test("another system is refused until it is allowed")
    func foreign() throws {
        let place = try TemporaryRepository()
        let archive = WALArchive(place.repository)
        _ = try archive.push(try segment(Self.name))
        let clone = try segment(Self.name, system: 7_000_000_000_000_000_002)
        #expect(throws: GuardianError.self) { try archive.push(clone) }
        try place.repository.allow("7000000000000000002")
        #expect(try archive.push(clone) == .archived)
        #expect(throws: GuardianError.self) { try place.repository.onlySystem(nil) }
        #expect(try place.repository.onlySystem("7000000000000000002").identifier == "7000000000000000002")
    }

    @Test("a segment that is cut, empty, of another number or no segment is refused before anything is written")
    func wrong() throws {
        let whole = try segment(Self.name).bytes
        for bytes in [Array(whole[..<(whole.count / 2)]), [], [UInt8](repeating: 0, count: whole.count)] {
            #expect(throws: GuardianError.self) {
                try IncomingWAL(name: Self.name, kind: .segment, bytes: bytes, control: nil)
            }
        }
        #expect(throws: GuardianError.self) {
            try IncomingWAL(name: "000000010000000000000006", kind: .segment, bytes: whole, control: nil)
        }
        #expect(throws: GuardianError.self) {
            try IncomingWAL(name: Self.name, kind: .segment, bytes: whole, control: "7000000000000000009")
        }
        #expect(throws: GuardianError.self) {
            try IncomingWAL(name: "00000002.history", kind: .history(2), bytes: [1], control: nil)
        }
    }

    @Test("an archived file that was damaged is told from one that is missing")
    func damaged() throws {
        let place = try TemporaryRepository()
        let archive = WALArchive(place.repository)
        let file = try segment(Self.name)
        _ = try archive.push(file)
        let system = try place.repository.onlySystem(nil)
        let path = "\(system.wal)/00000001/\(Self.name)"
        let whole = try place.bytes(path)
        for damage in [Array(whole[..<(whole.count / 2)]), [], Array(whole.dropLast()) + [whole[whole.count - 1] ^ 1]] {
            try place.overwrite(path, damage)
            #expect(throws: DamageError.self) { try archive.fetch(Self.name, system: system) }
            #expect(throws: GuardianError.self) { try archive.push(file) }
            #expect(try place.bytes(path) == damage)
        }
    }

    @Test("several processes push the same at once: one file, all content")
    func together() async throws {
        let place = try TemporaryRepository()
        let file = try segment(Self.name)
        let repository = place.repository
        let outcomes = try await withThrowingTaskGroup(of: WALArchive.Outcome.self) { group in
            for _ in 0..<8 { group.addTask { try WALArchive(repository).push(file) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == .archived }.count == 1)
        #expect(place.files.filter { $0.hasSuffix("unfinished") }.isEmpty)
    }
}

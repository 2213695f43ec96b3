import EverlineCryptography
import Foundation
import GuardianService
import Testing

@Suite("A repository's files") struct RepositoryTests {
    @Test("what goes in comes out, at every size around a chunk", arguments: [true, false])
    func roundTrip(_ encrypted: Bool) throws {
        let place = try TemporaryRepository(encrypted: encrypted)
        for size in [0, 1, 1 << 20 - 1, 1 << 20, 1 << 20 + 1, 9 << 20] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let done = try place.repository.encode("一/\(size)", information: Array("說明".utf8)) { try $0.write(bytes) }
            #expect(done?.plain == size)
            #expect(try place.read("一/\(size)") == bytes)
        }
        #expect(try place.read("一/2") == nil)
    }

    @Test("each compression brings back what went in, whatever is set when it is read", arguments: [Compression.zstd, .lz4])
    func compressions(_ compression: Compression) throws {
        let place = try TemporaryRepository()
        let storage = FolderStorage("\(place.folder)/data")
        let writing = try Repository(storage, keyFile: place.keyFile, compression: compression)
        for (name, bytes) in [
            ("empty", []), ("same", [UInt8](repeating: 7, count: 3 << 20)),
            ("random", (0..<(2 << 20)).map { _ in UInt8.random(in: 0...255) }),
        ] {
            let done = try writing.encode(name) { try $0.write(bytes) }
            #expect(try place.read(name) == bytes)
            #expect(try place.bytes(name)[9] == compression.rawValue)
            if name == "same" { #expect(try #require(done).stored < bytes.count / 50) }
        }
    }

    @Test("encrypted files hold nothing of their text, and are 0600 in folders of 0700")
    func secrecy() throws {
        let place = try TemporaryRepository()
        _ = try place.repository.encode("a/b") { try $0.write(Array("床前明月光，疑是地上霜".utf8)) }
        #expect(try Data(place.bytes("a/b")).range(of: Data("明月".utf8)) == nil)
        var status = stat()
        #expect(stat(place.path("a/b"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(stat(place.path("a"), &status) == 0 && status.st_mode & 0o777 == 0o700)
        #expect(stat(place.keyFile, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("any flipped byte is noticed", arguments: [true, false])
    func flipped(_ encrypted: Bool) throws {
        let place = try TemporaryRepository(encrypted: encrypted)
        _ = try place.repository.encode("x", information: Array("info".utf8)) { try $0.write(Array(0..<200)) }
        let whole = try place.bytes("x")
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= 0x10
            try place.overwrite("x", damaged)
            #expect(throws: (any Error).self, "byte \(index)") { try place.read("x") }
        }
    }

    @Test("any cut is noticed, and anything added")
    func cut() throws {
        let place = try TemporaryRepository()
        _ = try place.repository.encode("x") { try $0.write(Array(0..<200)) }
        let whole = try place.bytes("x")
        for length in 0..<whole.count {
            try place.overwrite("x", Array(whole[..<length]))
            #expect(throws: DamageError.self, "\(length) bytes") { try place.read("x") }
        }
        try place.overwrite("x", whole + [0])
        #expect(throws: DamageError.self) { try place.read("x") }
    }

    @Test("a file under another's name is noticed")
    func exchanged() throws {
        let place = try TemporaryRepository()
        for name in ["x", "y"] { _ = try place.repository.encode(name) { try $0.write(Array(name.utf8)) } }
        try place.overwrite("x", try place.bytes("y"))
        #expect(throws: DamageError.self) { try place.read("x") }
    }

    @Test("a name is written once; a write that fails leaves nothing behind")
    func once() throws {
        struct Broken: Error {}
        let place = try TemporaryRepository()
        #expect(throws: Broken.self) {
            try place.repository.encode("x") { writer in
                try writer.write([UInt8](repeating: 1, count: 5 << 20))
                throw Broken()
            }
        }
        #expect(place.files == ["repository.json"])
        _ = try place.repository.encode("x") { try $0.write([1]) }
        #expect(try place.repository.encode("x") { try $0.write([2]) } == nil)
        #expect(try place.read("x") == [1])
        #expect(place.files == ["repository.json", "x"])
    }

    @Test("documents notice every flipped byte, and are readable without the key")
    func documents() throws {
        let place = try TemporaryRepository()
        try place.repository.write(["room": "唐詩"], to: "d.json")
        #expect(try place.repository.document("d.json", as: [String: String].self) == ["room": "唐詩"])
        let whole = try place.bytes("d.json")
        let json = try JSONSerialization.jsonObject(with: Data(whole)) as? [String: Any]
        #expect((json?["body"] as? [String: String]) == ["room": "唐詩"])
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= index % 2 == 0 ? 1 : 0x20
            try place.overwrite("d.json", damaged)
            #expect(throws: (any Error).self, "byte \(index)") {
                try place.repository.document("d.json", as: [String: String].self)
            }
        }
    }

    @Test("a key that is missing, wrong or mistyped is told apart, and no new one is made for an old repository")
    func keys() throws {
        let place = try TemporaryRepository()
        let storage = FolderStorage("\(place.folder)/data")
        let good = try String(contentsOfFile: place.keyFile, encoding: .utf8)
        func problem() -> String {
            do {
                _ = try Repository.create(storage, keyFile: place.keyFile)
                return ""
            } catch { return "\(error)" }
        }
        try FileManager.default.removeItem(atPath: place.keyFile)
        #expect(problem().contains("is missing"))
        #expect(!FileManager.default.fileExists(atPath: place.keyFile))
        _ = try KeyRing.create(place.keyFile, owner: nil)
        #expect(problem().contains("is not the key file of"))
        let digit = good.index(good.startIndex, offsetBy: 50)
        try good.replacingCharacters(in: digit...digit, with: good[digit] == "0" ? "1" : "0")
            .write(toFile: place.keyFile, atomically: false, encoding: .utf8)
        #expect(problem().contains("does not agree with its check value"))
        try good.write(toFile: place.keyFile, atomically: false, encoding: .utf8)
        #expect(problem() == "")
    }

    @Test("after a rotation old files are read by the old key, new ones only by the new")
    func rotation() throws {
        let place = try TemporaryRepository()
        _ = try place.repository.encode("old") { try $0.write([1]) }
        let before = try String(contentsOfFile: place.keyFile, encoding: .utf8)
        #expect(try place.repository.keys?.rotated().keys.count == 2)
        let storage = FolderStorage("\(place.folder)/data")
        let rotated = try Repository(storage, keyFile: place.keyFile)
        _ = try rotated.encode("new") { try $0.write([2]) }
        var found: [[UInt8]] = []
        for name in ["old", "new"] { try rotated.decode(name) { found.append($0) } }
        #expect(found == [[1], [2]])
        try before.write(toFile: place.keyFile, atomically: false, encoding: .utf8)
        let stale = try Repository(storage, keyFile: place.keyFile)
        #expect(throws: KeyError.self) { try stale.decode("new") { _ in } }
    }

    @Test("a folder that is gone is an error, not an empty repository")
    func gone() throws {
        let place = try TemporaryRepository()
        try FileManager.default.moveItem(atPath: "\(place.folder)/data", toPath: "\(place.folder)/elsewhere")
        #expect(throws: SystemError.self) { try place.read("x") }
        #expect(throws: SystemError.self) { try place.repository.storage.list("systems") }
        #expect(throws: SystemError.self) { try place.repository.encode("a/b") { try $0.write([1]) } }
    }

    @Test("a lock is one's alone until it is let go, unless it is shared")
    func locks() throws {
        let place = try TemporaryRepository()
        var mine = try place.repository.storage.lock("jobs", shared: false, holder: "backup base")
        #expect(mine != nil)
        #expect(try place.repository.storage.lock("jobs", shared: false, holder: "drill") == nil)
        #expect(place.repository.storage.holder("jobs")?.hasPrefix("backup base") == true)
        mine = nil
        let one = try place.repository.storage.lock("jobs", shared: true, holder: "a")
        let two = try place.repository.storage.lock("jobs", shared: true, holder: "b")
        #expect(one != nil && two != nil)
    }
}

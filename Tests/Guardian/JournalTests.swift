import EverlineProtocol
import Foundation
import GuardianService
import Testing

@Suite("The journal of findings") struct JournalTests {
    struct Place: ~Copyable {
        let root: String
        let journal: Journal
        var file: String { "\(root)/repository/journal/findings.jsonl" }
        var head: String { "\(root)/repository/journal/head.json" }

        init(encrypted: Bool = true) throws {
            root = NSTemporaryDirectory() + "everline-journal-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: root + "/repository", withIntermediateDirectories: true)
            let keyFile = encrypted ? root + "/key" : nil
            if let keyFile { _ = try KeyRing.create(keyFile, owner: nil) }
            journal = try Journal(FolderStorage(root + "/repository"), keyFile: keyFile)
        }
        deinit { try? FileManager.default.removeItem(atPath: root) }

        var lines: [String] { (try? String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)) ?? [] }
        func write(_ lines: [String], end: String = "\n") throws {
            try (lines.joined(separator: "\n") + end).write(toFile: file, atomically: true, encoding: .utf8)
        }
        func append(_ numbers: ClosedRange<Int>) throws {
            for number in numbers { _ = try journal.append([.finding(JournalTests.finding("\(number)"))]) }
        }
    }

    static func finding(_ id: String) -> Finding {
        Finding(
            Alarm(
                rule: "mass-drop", severity: .high, at: Date(timeIntervalSince1970: 1_795_478_400), role: "李白", evidence: ["x"],
                advice: "y", cause: id), id: id)
    }

    @Test("entries come back as they were written, and the chain holds", arguments: [true, false])
    func whole(encrypted: Bool) throws {
        let place = try Place(encrypted: encrypted)
        try place.append(1...5)
        _ = try place.journal.append([
            .acknowledged(id: "3", Acknowledgement(at: "2026-11-24T00:00:00.000Z", by: "杜甫", note: "看過了"))
        ])
        let report = try place.journal.verify()
        #expect(report.ok && report.entries == 6 && report.notes.isEmpty)
        let entries = try place.journal.entries()
        #expect(entries.map(\.number) == [1, 2, 3, 4, 5, 6])
        #expect(entries[2].event == .finding(Self.finding("3")))
        #expect(try place.journal.entries(after: 4).map(\.number) == [5, 6])
    }

    @Test(
        "an entry that was edited, removed, moved, repeated or made up is named",
        arguments: [
            ("edited", 3, "edited"), ("number", 3, "edited"), ("removed", 3, "missing"), ("first", 1, "missing"),
            ("swapped", 3, "missing"), ("repeated", 4, "out of its place"),
            ("rubbish", 3, "no entry"), ("last", 5, "end is missing"), ("lastTwo", 4, "entries 4 to 5"),
            ("all", 0, "end is missing"),
        ])
    func changes(kind: String, line: Int, word: String) throws {
        let place = try Place()
        try place.append(1...5)
        var lines = place.lines
        switch kind {
        case "edited": lines[2] = lines[2].replacingOccurrences(of: "李白", with: "杜甫")
        case "number": lines[2] = lines[2].replacingOccurrences(of: #""number":3"#, with: #""number":9"#)
        case "removed": lines.remove(at: 2)
        case "first": lines.removeFirst()
        case "swapped": lines.swapAt(2, 3)
        case "repeated": lines.insert(lines[1], at: 3)
        case "rubbish": lines[2] = "nothing"
        case "last": lines.removeLast()
        case "lastTwo": lines.removeLast(2)
        default: lines = []
        }
        try place.write(lines, end: lines.isEmpty ? "" : "\n")
        let report = try place.journal.verify()
        #expect(!report.ok && report.problems.contains { $0.problem.contains(word) }, "\(report.problems)")
        // Each single change of a line is told at most by itself and the line behind it.
        #expect(report.problems.count <= 2, "\(report.problems)")
        // The journal goes on, and what was done to it stays to be seen.
        let again = try place.journal.append([.finding(Self.finding("6"))])
        #expect(again.end.number >= 6)
        #expect(try !place.journal.verify().ok)
        if ["last", "lastTwo", "all"].contains(kind) {
            #expect(again.end.tampered != nil)
            #expect(try place.journal.entries().contains { if case .tampered = $0.event { true } else { false } })
        }
    }

    @Test("no byte can be changed without its being seen, in the journal or in its head")
    func everyByte() throws {
        let place = try Place()
        try place.append(1...2)
        for file in [place.file, place.head] {
            let original = try #require(FileManager.default.contents(atPath: file))
            for index in original.indices {
                var bytes = original
                bytes[index] ^= 1
                try bytes.write(to: URL(fileURLWithPath: file))
                let ok = (try? place.journal.verify().ok) ?? false
                #expect(!ok, "byte \(index) of \(file)")
            }
            try original.write(to: URL(fileURLWithPath: file))
        }
        #expect(try place.journal.verify().ok)
    }

    @Test("half a line that a crash has left is repaired, not an alarm; a crash before the head was written loses nothing")
    func crash() throws {
        let place = try Place()
        try place.append(1...2)
        let head = try #require(FileManager.default.contents(atPath: place.head))
        try place.append(3...3)
        let whole = place.lines
        // Killed in mid-line: the head does not know of it yet.
        try head.write(to: URL(fileURLWithPath: place.head))
        for cut in [1, 40, whole[2].utf8.count - 1, whole[2].utf8.count] {
            let half = String(decoding: whole[2].utf8.prefix(cut), as: UTF8.self)
            try place.write(Array(whole[..<2]) + [half], end: "")
            let report = try place.journal.verify()
            #expect(report.ok && report.notes.count == 1, "\(cut) \(report.problems)")
        }
        let next = try place.journal.append([.finding(Self.finding("4"))])
        #expect(next.first == 3 && next.end.tampered == nil)
        #expect(try place.journal.verify().ok)
        // Killed between the line and the head.
        try head.write(to: URL(fileURLWithPath: place.head))
        #expect(try place.journal.verify().ok)
        let after = try place.journal.append([.finding(Self.finding("5"))])
        #expect(after.first == 4 && after.end.tampered == nil)
        #expect(try place.journal.verify().ok && place.journal.entries().count == 4)
    }

    @Test("a cut that takes the last known line is no crash")
    func cutLine() throws {
        let place = try Place()
        try place.append(1...3)
        let lines = place.lines
        try place.write(Array(lines[..<2]) + [String(lines[2].dropLast(10))], end: "")
        #expect(try !place.journal.verify().ok)
        #expect(try place.journal.append([.finding(Self.finding("4"))]).end.tampered != nil)
    }

    @Test("what the database knows shows a journal that was cut together with its head, or replaced")
    func anchor() throws {
        let place = try Place()
        try place.append(1...5)
        let entries = try place.journal.entries()
        let known = (number: entries[4].number, code: entries[4].code)
        #expect(try place.journal.verify(known: known).ok)
        #expect(try place.journal.verify(known: (entries[1].number, entries[1].code)).ok)
        try FileManager.default.removeItem(atPath: "\(place.root)/repository/journal")
        #expect(try place.journal.verify().ok)
        #expect(try !place.journal.verify(known: known).ok)
        try place.append(11...16)
        #expect(try place.journal.verify().ok)
        #expect(try place.journal.verify(known: known).problems.first?.problem.contains("replaced") == true)
    }

    @Test("who has not the key cannot make the chain anew; a rotated key keeps the old entries")
    func keys() throws {
        let place = try Place()
        try place.append(1...2)
        let forged = try Journal(FolderStorage(place.root + "/repository"), keyFile: nil)
        _ = try forged.append([.finding(Self.finding("3"))])
        #expect(try !place.journal.verify().ok)
        let other = try Place()
        try other.append(1...2)
        _ = try KeyRing(file: other.root + "/key").rotated()
        let rotated = try Journal(FolderStorage(other.root + "/repository"), keyFile: other.root + "/key")
        _ = try rotated.append([.finding(Self.finding("3"))])
        #expect(try rotated.verify().ok && rotated.entries().count == 3)
    }

    @Test("many writers at once write one chain")
    func writers() async throws {
        let place = try Place()
        let journal = place.journal
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<6 {
                group.addTask {
                    try await Blocking.run {
                        for number in 0..<15 {
                            // The lock has no queue, and a slow disk may keep it from one of six for longer than a writer waits.
                            while true {
                                do {
                                    _ = try journal.append([.finding(Self.finding("\(writer)-\(number)"))])
                                    break
                                } catch is BusyError {}
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let report = try place.journal.verify()
        #expect(report.ok && report.entries == 90)
        #expect(
            Set(try journal.entries().compactMap { if case .finding(let one) = $0.event { one.id } else { nil } }).count == 90)
    }
}

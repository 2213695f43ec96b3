import Foundation
import GuardianService
import Testing

@Suite("Following log files")
struct FollowerTests {
    /// Log files in memory, read as the real ones are.
    struct Files {
        var content: [(name: String, bytes: [UInt8])] = []

        func news(_ marks: [LogMark], most: Int = Int.max) -> LogNews {
            var known = Dictionary(marks.map { ($0.name, $0) }) { first, _ in first }
            var news = LogNews()
            for (name, bytes) in content {
                let mark = known.removeValue(forKey: name) ?? LogMark(name: name, offset: 0, overlap: 0)
                guard Int64(bytes.count) != mark.offset else { continue }
                let from = Int(mark.offset - mark.overlap)
                news.pieces.append(
                    .init(
                        name: name, size: Int64(bytes.count), bytes: from < bytes.count ? Array(bytes[from...].prefix(most)) : [])
                )
            }
            news.gone = known.keys.sorted()
            return news
        }
    }

    static func all(_ follower: inout LogFollower, _ files: Files, most: Int = Int.max) -> ([String], [LogFollower.Irregularity])
    {
        var lines: [String] = []
        var found: [LogFollower.Irregularity] = []
        for _ in 0..<10_000 {
            let news = files.news(follower.marks, most: most)
            if news.pieces.isEmpty, news.gone.isEmpty { break }
            let (irregularities, more) = follower.take(news) {
                lines.append("\($1.file):\($1.line) " + String(decoding: $0, as: UTF8.self))
            }
            found += irregularities
            if !more { break }
        }
        return (lines, found)
    }

    @Test(
        "each line comes once, wherever the pieces end and whenever the follower begins anew",
        arguments: [65, 70, 97, 150, 1 << 20])
    func pieces(most: Int) {
        let text = (1...40).map { "line \($0) 床前明月光" + String(repeating: "x", count: $0 * 3) }.joined(separator: "\n") + "\n"
        let bytes = Array(text.utf8)
        var follower = LogFollower([])
        var seen: [String] = []
        for end in stride(from: 0, through: bytes.count, by: 41).map({ $0 }) + [bytes.count] {
            let (lines, found) = Self.all(&follower, Files(content: [("a.json", Array(bytes[..<end]))]), most: most)
            #expect(found.isEmpty)
            seen += lines
            // As after a restart.
            if end % 3 == 0 { follower = LogFollower(follower.state) }
        }
        #expect(seen.count == 40)
        #expect(seen.first?.hasPrefix("a.json:1 line 1 ") == true && seen.last?.hasPrefix("a.json:40 line 40 ") == true)
        #expect(Set(seen).count == 40)
    }

    @Test("a rotation gives the rest of the old file first, and loses no half line")
    func rotation() {
        var follower = LogFollower([])
        var files = Files(content: [("a.json", Array("one\ntw".utf8))])
        let first = Self.all(&follower, files).0
        #expect(first == ["a.json:1 one"])
        files.content = [("a.json", Array("one\ntwo\n".utf8)), ("b.json", Array("three\n".utf8))]
        let second = Self.all(&follower, files).0
        #expect(second == ["a.json:2 two", "b.json:1 three"])
    }

    @Test("a file that shrinks, changes or vanishes is told of, and what stands there now is read")
    func tampering() {
        var follower = LogFollower([])
        var files = Files(content: [("a.json", Array("one\ntwo\nthree\n".utf8))])
        _ = Self.all(&follower, files)
        files.content[0].bytes = Array("one\n".utf8)
        var (lines, found) = Self.all(&follower, files)
        #expect(found == [.shrank("a.json", from: 14, to: 4)] && lines == ["a.json:1 one"])
        files.content[0].bytes = Array("eins\nzwei\n".utf8)
        (lines, found) = Self.all(&follower, files)
        #expect(found == [.rewritten("a.json")] && lines == ["a.json:1 eins", "a.json:2 zwei"])
        files.content = []
        (lines, found) = Self.all(&follower, files)
        #expect(found == [.gone("a.json")] && lines.isEmpty)
    }

    @Test("a line of ten megabytes comes whole")
    func longLine() {
        var follower = LogFollower([])
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 10 << 20)
        let files = Files(content: [("a.json", long + Array("\nnext\n".utf8))])
        let (lines, found) = Self.all(&follower, files, most: 1 << 20)
        #expect(
            found.isEmpty && lines.count == 2 && lines[0].utf8.count == (10 << 20) + "a.json:1 ".count
                && lines[1] == "a.json:2 next")
    }

    @Test("a number that lacks in a session is noticed, of lines and of statements")
    func serials() {
        var check = SerialCheck([], since: 100)
        func serial(_ number: Int, start: UInt32 = 200, last: Bool = false) -> LogParser.Serial {
            LogParser.Serial(session: SessionID(start: start, process: 7), number: number, milliseconds: 0, isLast: last)
        }
        let seen = [
            check.see(serial(1), statement: nil), check.see(serial(2), statement: 1), check.see(serial(3), statement: 1),
            check.see(serial(4), statement: 3), check.see(serial(6), statement: 4),
            check.see(serial(7, last: true), statement: nil),
            // One that began before us may be anywhere; one that began since is seen from its first line.
            check.see(serial(9, start: 50), statement: 8), check.see(serial(2, start: 300), statement: nil),
        ]
        #expect(seen.map { $0 != nil } == [false, false, false, true, true, false, false, true])
        #expect(seen[3]?.isStatement == true && seen[4]?.after == 6 && seen[7]?.before == 0)
    }
}

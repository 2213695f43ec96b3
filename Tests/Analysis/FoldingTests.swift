import EverlineAnalysis
import EverlineProtocol
import Testing

@Suite("What is found by what")
struct FindingTests {
    @Test(
        "A text is found by a word in it, whatever its case, width, form and accents",
        arguments: [
            ("Hello, World", "hello"), ("Ｈｅｌｌｏ", "HELLO"), ("crème brûlée", "creme"), ("creme", "CRÈME"), ("straße", "STRASSE"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"), ("ﬁne", "fine"), ("床前明月光", "明月"), ("床前明月光", "光"), ("ｶﾞｲﾄﾞ", "ガイド"), ("か\u{3099}", "が"),
            ("한국어를 배워요", "국어"), ("\u{1112}\u{1161}\u{11AB}", "한"), ("don't", "don't"), ("don’t", "don't"), ("C:\\temp", "temp"),
            ("第1句", "1"), ("第1句", "第1句"), ("iPhone手機", "手機"), ("iPhone手機", "iphone"), ("👍🏽 done", "👍"), ("Ёлка", "елка"),
            ("co\u{AD}operate", "cooperate"), ("ภาษาไทย", "ไทย"), ("ＮＡＳＡ、月", "nasa"), ("naïve café", "\"naive cafe\""),
            ("a b c", "c -d"), ("x １２３", "123"), ("がぎ", "ぎ"), ("😀😀", "😀"), ("㍿", "株式会社"),
        ])
    func found(_ body: String, _ query: String) throws { #expect(try SearchQuery(query).match(body) != nil) }

    @Test(
        "A text is not found by what is not in it",
        arguments: [
            ("Hello", "hell"), ("Hello", "ello"), ("床前明月光", "月明"), ("床，前", "床前"), ("床 前", "床前"), ("かき", "がき"), ("がき", "かき"),
            ("hello world", "\"world hello\""), ("hello big world", "\"hello world\""), ("a b c", "a -b"),
            ("hello", "hello world"),
            ("a100%", "a.*0"), ("床前明月光", "明月 -光"), ("12345", "123"), ("", "x"),
        ])
    func missed(_ body: String, _ query: String) throws { #expect(try SearchQuery(query).match(body) == nil) }

    @Test(
        "A query without anything to look for is refused with its reason",
        arguments: ["", "   ", "%", "'", "\"", "\"\"", ".*", "-x", "--", "\"open", "-\"a b\"", "，。！"])
    func refused(_ query: String) {
        #expect { try SearchQuery(query) } throws: { error in
            (error as? RPCError)?.code == .invalidParams && (error as? RPCError)?.parameter == "query"
                && (error as? RPCError)?.detail != nil
        }
    }

    @Test("A query of too many words or characters is refused")
    func tooMuch() {
        #expect(throws: RPCError.self) { try SearchQuery((0..<33).map { "w\($0)" }.joined(separator: " ")) }
        #expect(throws: RPCError.self) { try SearchQuery(String(repeating: "w ", count: 10_000)) }
        #expect(throws: Never.self) { try SearchQuery((0..<32).map { "w\($0)" }.joined(separator: " ")) }
    }

    @Test("Highlights are code points of the text as it was written")
    func highlights() throws {
        func marked(_ body: String, _ query: String) throws -> [String] {
            let scalars = Array(body.unicodeScalars)
            return try SearchQuery(query).match(body)?.highlights.map {
                var text = String.UnicodeScalarView()
                text.append(contentsOf: scalars[$0])
                return String(text)
            } ?? []
        }
        #expect(try marked("👩‍💻 寫 Cafe\u{301}s 與 café", "café") == ["café"])
        #expect(try marked("床前明月光，明月", "明月") == ["明月", "明月"])
        #expect(try marked("ｶﾞｲﾄﾞ", "ガイド") == ["ｶﾞｲﾄﾞ"])
        #expect(try marked("abc 明月光", "明月 月光 ABC") == ["abc", "明月光"])
        #expect(try marked("㍿です", "会社") == ["㍿"])
    }
}

@Suite("The index's bytes")
struct PostingTests {
    @Test("Pieces put one after the other are read as all their postings")
    func pieces() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var bytes: [UInt8] = []
            var all: [Posting] = []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let some = (0..<Int.random(in: 0...50, using: &random)).map { _ in
                    Posting(
                        time: .random(in: -5...500_000_000), room: .random(in: 0...5), seq: .random(in: 1...Int64(1) << 40))
                }.sorted()
                all += some
                bytes += Postings.encode(some)
            }
            var found: [Posting] = []
            #expect(bytes.withUnsafeBytes { Postings.decode($0, where: { _ in true }, into: &found) })
            #expect(found == all)
        }
    }

    @Test("Damaged bytes are noticed or read as something, and nothing worse")
    func damaged() {
        let bytes = Postings.encode((1...40).map { Posting(time: 400_000_000 + $0, room: $0 % 3, seq: $0 * 7) })
        for index in bytes.indices {
            for value in [UInt8(0), 0x7F, 0x80, 0xFF] {
                var changed = bytes
                changed[index] = value
                var found: [Posting] = []
                _ = changed.withUnsafeBytes { Postings.decode($0, where: { _ in true }, into: &found) }
            }
            var found: [Posting] = []
            #expect(!bytes[..<index].withUnsafeBytes { Postings.decode($0, where: { _ in true }, into: &found) } || index == 0)
        }
    }

    @Test("Whatever is found has a term of each range that the query names, also at the ends of words and runs")
    func terms() throws {
        let alphabet = Array("床前明月a1 ,b가が😀")
        var random = SystemRandomNumberGenerator()
        func text(_ most: Int) -> String {
            String((0..<Int.random(in: 1...most, using: &random)).compactMap { _ in alphabet.randomElement() })
        }
        var hits = 0
        for _ in 0..<20_000 {
            let body = text(14)
            guard let query = try? SearchQuery(text(4)), query.match(body) != nil else { continue }
            hits += 1
            var terms: [Int64] = []
            Terms.each(of: FoldedText(body)) { terms.append($0) }
            for range in query.terms { #expect(terms.contains { range.contains($0) }, "\(body)") }
        }
        #expect(hits > 500)
    }
}

@Suite("Rollups")
struct RollupTests {
    @Test("A day is read as it was written, and its sums are its own")
    func day() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var day = RoomDay()
            for _ in 0..<Int.random(in: 0...300, using: &random) {
                // Some numbers take a byte, and some several.
                day.count(
                    quarter: .random(in: 0..<96), sender: Bool.random() ? .random(in: 1...20) : .random(in: 100...100_000),
                    .random(in: 1...200))
                day.count(response: .random(in: 0...118), quarter: .random(in: 0..<96))
            }
            #expect(day.detail.withUnsafeBytes { RoomDay(detail: $0) } == day)
            let sums = try #require(day.quarterBytes.withUnsafeBytes { RoomDay.sums($0) })
            #expect(
                sums.indices.allSatisfy { quarter in
                    sums[quarter] == day.messages.filter { $0.key.quarter == quarter }.values.reduce(0, +)
                })
            let people = try #require(day.senderBytes.withUnsafeBytes { RoomDay.people($0) })
            #expect(people.map(\.sender) == Set(day.messages.keys.map(\.sender)).sorted())
            for one in people {
                let own = day.messages.filter { $0.key.sender == one.sender }
                #expect(one.messages == own.values.reduce(0, +))
                #expect(one.first == own.keys.map(\.quarter).min() && one.last == own.keys.map(\.quarter).max())
            }
            var times = 0
            #expect(day.responseBytes.withUnsafeBytes { RoomDay.eachResponse($0) { times += $1 } })
            #expect(times == day.responses.values.reduce(0, +))
        }
    }

    @Test("What is cut off or out of range is no day, and nothing is read outside of it")
    func damaged() {
        var day = RoomDay()
        for sender in 1...9 as ClosedRange<Int64> { day.count(quarter: 95, sender: sender * 300, 200) }
        let (quarters, people) = (day.quarterBytes, day.senderBytes)
        for length in 1..<people.count where length % 6 != 0 {
            #expect(people[..<length].withUnsafeBytes { RoomDay.people($0) } == nil, "\(length) of \(people.count)")
        }
        #expect(people.withUnsafeBytes { RoomDay.people($0, of: 95) } == nil)
        #expect(quarters.withUnsafeBytes { RoomDay.sums($0, of: 95) } == nil)
        #expect(quarters.dropLast().withUnsafeBytes { RoomDay.sums($0) } == nil)
        #expect(([200, 200, 200, 200] as [UInt8]).withUnsafeBytes { RoomDay.people($0) } == nil)
    }

    @Test("Quarters and days before 1970 are whole ones too")
    func before() {
        #expect(RoomDay.quarter(ofMilliseconds: -1) == -1 && RoomDay.quarter(ofMilliseconds: 899_999) == 0)
        #expect(RoomDay.day(ofQuarter: -1) == -1 && RoomDay.day(ofQuarter: -96) == -1 && RoomDay.day(ofQuarter: -97) == -2)
    }
}

import EverlineAnalysis
import Testing

@Suite("Words that rose")
struct WordCountsTests {
    private static func rising(now: [String], before: [String]) -> [WordCounts.Rise] {
        var counts = WordCounts()
        for text in before { counts.add(text, isNow: false) }
        for text in now { counts.add(text, isNow: true) }
        return counts.rising(20)
    }

    @Test("A word counts once a message, in whatever case and width")
    func once() {
        let found = Self.rising(now: ["Swift swift SWIFT", "ｓｗｉｆｔ", "c"], before: ["c", "d"])
        #expect(found == [.init(word: "swift", now: 2, before: 0)])
    }

    @Test("Of characters that come together the longest is shown, also beyond what is counted at a time")
    func longest() {
        let now = ["國家實驗室", "到國家實驗室去", "國家實驗室。"]
        #expect(Self.rising(now: now, before: ["去", "到"]) == [.init(word: "國家實驗室", now: 3, before: 0)])
    }

    @Test("A part that is often there without the whole is a word of its own")
    func part() {
        let now = ["資料庫", "資料庫", "資料", "資料", "資料", "資料"]
        let found = Self.rising(now: now, before: ["無"])
        #expect(Set(found.map(\.word)) == ["資料", "資料庫"])
        #expect(found.first { $0.word == "資料" }?.now == 6)
    }

    @Test("What is as frequent as before did not rise, however much more is said")
    func asBefore() {
        let some = ["lunch", "lunch", "noon"]
        #expect(Self.rising(now: some + some + some, before: some).isEmpty)
    }

    @Test("One message, numbers and single letters say nothing; no messages have no words")
    func nothing() {
        #expect(Self.rising(now: ["once", "12 34", "12 34", "a b", "a b", "天", "天"], before: []).isEmpty)
        #expect(Self.rising(now: [], before: ["x y"]).isEmpty)
    }

    @Test("The most striking comes first")
    func order() {
        let now = Array(repeating: "release today", count: 10) + Array(repeating: "lunch", count: 6)
        let before = Array(repeating: "lunch", count: 2) + Array(repeating: "today", count: 5) + Array(repeating: "x", count: 9)
        #expect(Self.rising(now: now, before: before).map(\.word).first == "release")
    }
}

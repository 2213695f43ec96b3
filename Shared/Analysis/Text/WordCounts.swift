private import Foundation

/// In how many messages each word occurs, in a period and in the one before: what rose.
///
/// Of scripts with blanks a word is what stands between them. The others have none that a table could tell, so each two to four neighbours count as one, and
/// of those that come together the longest is shown.
package struct WordCounts: Sendable {
    package struct Rise: Sendable, Equatable {
        package let word: String
        package let now: Int
        package let before: Int

        package init(word: String, now: Int, before: Int) {
            self.word = word
            self.now = now
            self.before = before
        }
    }

    private struct Entry {
        var now: Int32 = 0
        var before: Int32 = 0
        /// The message that was counted last: a word that occurs twice in it counts once.
        var last: Int32 = -1
        var symbols: [Symbol] = []
    }
    private var entries: [UInt128: Entry] = [:]
    private var messages: (now: Int32, before: Int32) = (0, 0)

    private static let longest = 4
    /// A word in one message is a chance.
    private static let least = 2
    /// A part of a longer one, unless it is about as often again without it.
    private static let part = 0.8

    package init() {}

    /// - Parameter isNow: whether the message is of the period, not of the one before.
    package mutating func add(_ text: String, isNow: Bool) {
        let message = messages.now + messages.before
        if isNow { messages.now += 1 } else { messages.before += 1 }
        let symbols = FoldedText(text).symbols
        var index = 0
        while index < symbols.count {
            let start = index
            if symbols[index].isWord {
                while index < symbols.count, symbols[index].isWord { index += 1 }
                let word = symbols[start..<index]
                // Numbers and single letters say nothing.
                if word.count > 1, !word.allSatisfy({ 0x30...0x39 ~= $0.scalar }) {
                    count(UInt128(UInt64(bitPattern: Terms.word(word))) | 1 << 127, word, message, isNow)
                }
            } else if symbols[index].isSingle {
                var key: UInt128 = 0
                while index < symbols.count, index - start < Self.longest, symbols[index].isSingle {
                    key = key << 21 | UInt128(symbols[index].scalar)
                    index += 1
                    if index - start > 1 { count(key, symbols[start..<index], message, isNow) }
                }
                index = start + 1
            } else {
                index += 1
            }
        }
    }

    private mutating func count(_ key: UInt128, _ symbols: ArraySlice<Symbol>, _ message: Int32, _ isNow: Bool) {
        var entry = entries[key] ?? Entry(symbols: Array(symbols))
        guard entry.last != message else { return }
        entry.last = message
        if isNow { entry.now += 1 } else { entry.before += 1 }
        entries[key] = entry
    }

    /// The words that rose most strikingly, by the likelihood ratio of both periods having them alike (Dunning 1993, "Accurate Methods for the Statistics of
    /// Surprise and Coincidence").
    package func rising(_ limit: Int) -> [Rise] {
        guard messages.now > 0 else { return [] }
        let risen = entries.filter { rose($0.value) }
        // How often the longest that a part belongs to occurs.
        var whole: [UInt128: Int32] = [:]
        for (key, entry) in risen where entry.symbols.count > 2 && entry.symbols[0].isSingle {
            let size = entry.symbols.count
            let (first, last) = (key >> 21, key & ((1 << (21 * UInt128(size - 1))) - 1))
            for part in [first, last] { whole[part] = max(whole[part] ?? 0, entry.now) }
        }
        let kept = risen.filter { Double(whole[$0.key] ?? 0) < Self.part * Double($0.value.now) }
        let order = kept.values.map { (surprise($0), $0) }.sorted {
            $0.0 != $1.0 ? $0.0 > $1.0 : $0.1.symbols.lexicographicallyPrecedes($1.1.symbols) { $0.scalar < $1.scalar }
        }
        var shown: [Entry] = []
        for (_, entry) in order where shown.count < limit {
            if let index = shown.firstIndex(where: { isPart(entry, of: $0) }) {
                shown[index].symbols = joined(shown[index].symbols, entry.symbols) ?? shown[index].symbols
            } else {
                shown.append(entry)
            }
        }
        return shown.map { Rise(word: text($0.symbols), now: Int($0.now), before: Int($0.before)) }
    }

    private func rose(_ entry: Entry) -> Bool {
        entry.now >= Self.least && Int64(entry.now) * Int64(messages.before) > Int64(entry.before) * Int64(messages.now)
            || messages.before == 0 && entry.now >= Self.least
    }

    private func surprise(_ entry: Entry) -> Double {
        let (now, before) = (Double(messages.now), Double(messages.before))
        let all = (Double(entry.now) + Double(entry.before)) / (now + before)
        func part(_ count: Double, _ of: Double) -> Double {
            func term(_ seen: Double, _ expected: Double) -> Double { seen == 0 ? 0 : seen * log(seen / expected) }
            return of == 0 ? 0 : term(count, of * all) + term(of - count, of * (1 - all))
        }
        // In a period with none before it all are alike, and how often is what is left.
        return before == 0 ? Double(entry.now) : 2 * (part(Double(entry.now), now) + part(Double(entry.before), before))
    }

    /// Whether both are windows on one longer text: they share most of their characters, and are about as often.
    private func isPart(_ entry: Entry, of shown: Entry) -> Bool {
        entry.symbols.count == Self.longest && shown.symbols.count >= Self.longest && entry.symbols[0].isSingle
            && shown.symbols[0].isSingle
            && Double(min(shown.now, entry.now)) >= Self.part * Double(max(shown.now, entry.now))
            && joined(shown.symbols, entry.symbols) != nil
    }

    /// The text that both are windows on.
    private func joined(_ shown: [Symbol], _ other: [Symbol]) -> [Symbol]? {
        if (0...shown.count - other.count).contains(where: { shown[$0..<$0 + other.count].elementsEqual(other) }) { return shown }
        for more in 1...2 {
            let common = other.count - more
            if shown.suffix(common).elementsEqual(other.prefix(common)) { return shown + other.suffix(more) }
            if other.suffix(common).elementsEqual(shown.prefix(common)) { return other.prefix(more) + shown }
        }
        return nil
    }

    private func text(_ symbols: [Symbol]) -> String {
        var text = String.UnicodeScalarView()
        for symbol in symbols { if let scalar = Unicode.Scalar(symbol.scalar) { text.append(scalar) } }
        return String(text)
    }
}

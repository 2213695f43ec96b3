/// What the index is keyed by, as numbers: of scripts without blanks each pair of neighbours, and the last of a run on its own; of others each word;
/// and who sent a message. Words that fall together on a number cost a look at a message, never a wrong answer.
package enum Terms {
    /// Two neighbours; 0 as the second: nothing of its kind follows.
    static func pair(_ first: UInt32, _ second: UInt32) -> Int64 { Int64(first) << 21 | Int64(second) }

    /// All pairs that begin with a character: wherever it stands.
    static func beginning(with first: UInt32) -> ClosedRange<Int64> { pair(first, 0)...pair(first, 0x1F_FFFF) }

    package static func sender(_ user: Int64) -> Int64 { 1 << 62 | user }

    /// FNV-1a over the scalars, its bits then mixed; negative, so that no pair is equal.
    static func word(_ symbols: ArraySlice<Symbol>) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for symbol in symbols { hash = (hash ^ UInt64(symbol.scalar)) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 32) &* 0xD6E8_FEB8_6659_FD93
        return Int64(bitPattern: (hash ^ hash >> 32) | 1 << 63)
    }

    /// Calls `body` with each term of a text, one that occurs twice twice.
    package static func each(of text: FoldedText, _ body: (Int64) -> Void) {
        let symbols = text.symbols
        var index = 0
        while index < symbols.count {
            let symbol = symbols[index]
            if symbol.isWord {
                let start = index
                while index < symbols.count, symbols[index].isWord { index += 1 }
                body(word(symbols[start..<index]))
                continue
            }
            if symbol.isSingle {
                let next = index + 1 < symbols.count && symbols[index + 1].isSingle ? symbols[index + 1].scalar : 0
                body(pair(symbol.scalar, next))
            }
            index += 1
        }
    }
}

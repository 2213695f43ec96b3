/// One thing to look for: a word, a phrase, characters that stand together.
package struct Needle: Sendable, Equatable {
    package let symbols: [Symbol]

    /// `nil` if there is nothing in the text that could be found.
    init?(_ text: String) {
        symbols = FoldedText(text).symbols
        if symbols.isEmpty { return nil }
    }

    /// Where in a text it occurs, as ranges of its symbols. Words at either end are whole words.
    func occurrences(in text: [Symbol]) -> [Range<Int>] {
        guard text.count >= symbols.count, let first = symbols.first, let last = symbols.last else { return [] }
        var found: [Range<Int>] = []
        var index = 0
        let end = text.count - symbols.count
        while index <= end {
            guard text[index] == first, matches(text, at: index),
                !(first.isWord && index > 0 && text[index - 1].isWord),
                !(last.isWord && index + symbols.count < text.count && text[index + symbols.count].isWord)
            else {
                index += 1
                continue
            }
            found.append(index..<index + symbols.count)
            index += symbols.count
        }
        return found
    }

    @inline(__always)
    private func matches(_ text: [Symbol], at start: Int) -> Bool {
        for offset in symbols.indices where text[start + offset] != symbols[offset] { return false }
        return true
    }

    /// The terms that every text has in which it occurs.
    var terms: [ClosedRange<Int64>] {
        var found: [ClosedRange<Int64>] = []
        var index = 0
        while index < symbols.count {
            let symbol = symbols[index]
            if symbol.isWord {
                let start = index
                while index < symbols.count, symbols[index].isWord { index += 1 }
                let term = Terms.word(symbols[start..<index])
                found.append(term...term)
                continue
            }
            if symbol.isSingle {
                let isLast = index + 1 == symbols.count
                if !isLast {
                    let term = Terms.pair(symbol.scalar, symbols[index + 1].isSingle ? symbols[index + 1].scalar : 0)
                    found.append(term...term)
                } else if index == 0 || !symbols[index - 1].isSingle {
                    // What follows it is not known.
                    found.append(Terms.beginning(with: symbol.scalar))
                }
            }
            index += 1
        }
        return found
    }
}

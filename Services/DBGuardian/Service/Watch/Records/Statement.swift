/// SQL cut into words, as far as a rule must know it (PostgreSQL manual 4.1): comments are gone, literals are one token each, keywords and names
/// that are not quoted are in lower case. So no spelling of `pg_read_file` hides it, and no text in a literal looks like it.
package struct Statement: Sendable {
    package enum Token: Sendable, Hashable {
        /// A keyword or name, in lower case unless it was quoted.
        case word(String)
        /// A string, without its quotation marks.
        case literal(String)
        case number
        case symbol(Character)
    }
    package let tokens: [Token]

    /// More tokens than this are not looked at one by one; a text that long is judged by its words alone.
    private static let most = 200_000

    package init(_ sql: String) {
        var reader = TokenReader(sql)
        while reader.tokens.count < Self.most, reader.step() {}
        tokens = reader.tokens
    }

    package var words: [String] {
        tokens.compactMap { if case .word(let text) = $0 { text } else { nil } }
    }

    package func has(_ word: String) -> Bool { tokens.contains(.word(word)) }

    /// Whether these words stand one behind the other somewhere.
    package func has(_ sequence: [String]) -> Bool { index(of: sequence) != nil }

    /// Where the token behind these words is.
    package func index(of sequence: [String], from start: Int = 0) -> Int? {
        guard !sequence.isEmpty, tokens.count >= sequence.count, start <= tokens.count - sequence.count else { return nil }
        for first in start...(tokens.count - sequence.count)
        where sequence.indices.allSatisfy({ tokens[first + $0] == .word(sequence[$0]) }) { return first + sequence.count }
        return nil
    }

    /// The parts between semicolons that stand in no parentheses; bodies in quotes do not count.
    package var parts: [ArraySlice<Token>] {
        var parts: [ArraySlice<Token>] = []
        var start = 0
        for (index, token) in tokens.enumerated() where token == .symbol(";") {
            if index > start { parts.append(tokens[start..<index]) }
            start = index + 1
        }
        if start < tokens.count { parts.append(tokens[start...]) }
        return parts
    }

    /// As it may be shown: literals and numbers are blanks, except for the paths and programs of COPY, which are no data. Bounded.
    package var shown: String {
        var text = ""
        for (index, token) in tokens.enumerated() {
            if text.utf8.count > 2_000 { return text + " …" }
            switch token {
            case .word(let word):
                if !text.isEmpty, !text.hasSuffix("("), !text.hasSuffix(".") { text += " " }
                text += word
            case .literal(let value):
                if !text.hasSuffix("(") { text += " " }
                text += isPlace(index) ? "'\(value.prefix(300))'" : "'…'"
            case .number:
                if !text.hasSuffix("(") { text += " " }
                text += "?"
            case .symbol(let symbol):
                if symbol != ".", symbol != ",", symbol != "(", symbol != ")", symbol != ";" { text += " " }
                text.append(symbol)
            }
        }
        return text
    }

    private func isPlace(_ index: Int) -> Bool {
        guard index > 0, has("copy"), case .word(let before) = tokens[index - 1] else { return false }
        return before == "program" || ((before == "from" || before == "to") && tokens.first == .word("copy"))
    }
}

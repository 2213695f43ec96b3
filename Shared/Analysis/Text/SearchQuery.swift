package import EverlineProtocol

/// What somebody looks for: words and phrases that must all be there, and some that must not (`-word`, `-"a phrase"`).
package struct SearchQuery: Sendable {
    package let wanted: [Needle]
    package let unwanted: [Needle]

    /// Code points of a query, and things to look for in it.
    package static let mostCodePoints = 1_000
    package static let mostNeedles = 32

    /// - Throws: `invalid_params` that says what is wrong with it.
    package init(_ text: String) throws(RPCError) {
        guard text.unicodeScalars.count <= Self.mostCodePoints else {
            throw Self.refusal("a query has at most \(Self.mostCodePoints) characters")
        }
        var (wanted, unwanted): ([Needle], [Needle]) = ([], [])
        for piece in try Self.pieces(text) {
            guard let needle = Needle(piece.text) else { continue }
            if piece.isUnwanted {
                if !unwanted.contains(needle) { unwanted.append(needle) }
            } else if !wanted.contains(needle) {
                wanted.append(needle)
            }
        }
        guard wanted.count + unwanted.count <= Self.mostNeedles else {
            throw Self.refusal("a query has at most \(Self.mostNeedles) words and phrases")
        }
        guard !wanted.isEmpty else {
            throw Self.refusal(
                unwanted.isEmpty
                    ? "a query has a letter, a digit or a symbol to look for"
                    : "a query has something to look for beside what is excluded")
        }
        self.wanted = wanted
        self.unwanted = unwanted
    }

    private struct Piece {
        let text: String
        let isUnwanted: Bool
    }

    /// Parts at blanks, except between quotation marks.
    private static func pieces(_ text: String) throws(RPCError) -> [Piece] {
        let scalars = Array(text.unicodeScalars)
        var pieces: [Piece] = []
        var index = 0
        func isQuote(_ index: Int) -> Bool { [0x22, 0x201C, 0x201D, 0xFF02].contains(scalars[index].value) }
        func isMinus(_ index: Int) -> Bool { [0x2D, 0x2212, 0xFF0D].contains(scalars[index].value) }
        while index < scalars.count {
            if scalars[index].properties.isWhitespace {
                index += 1
                continue
            }
            let isUnwanted = isMinus(index) && index + 1 < scalars.count && !scalars[index + 1].properties.isWhitespace
            if isUnwanted { index += 1 }
            var taken = String.UnicodeScalarView()
            if isQuote(index) {
                index += 1
                while index < scalars.count, !isQuote(index) {
                    taken.append(scalars[index])
                    index += 1
                }
                guard index < scalars.count else { throw refusal("a quotation mark is not closed") }
                index += 1
            } else {
                while index < scalars.count, !scalars[index].properties.isWhitespace, !isQuote(index) {
                    taken.append(scalars[index])
                    index += 1
                }
            }
            pieces.append(Piece(text: String(taken), isUnwanted: isUnwanted))
        }
        return pieces
    }

    private static func refusal(_ detail: String) -> RPCError { RPCError(.invalidParams, detail: detail, parameter: "query") }

    /// Where in a text that is found its reader should look, and how well it fits.
    package struct Match: Sendable, Equatable {
        /// Ranges of code points, in order, apart from each other.
        package let highlights: [Range<Int>]
        package let score: Double
    }

    /// `nil` if the text is not among those that are looked for. The score depends on the text and the query alone, so that it stays what it was.
    package func match(_ body: String) -> Match? {
        let text = FoldedText(body)
        var ranges: [Range<Int>] = []
        var score = 0.0
        // Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) without what depends on all other messages.
        let length = 1.2 * (0.25 + 0.75 * Double(text.symbols.count) / 40)
        for needle in wanted {
            let found = needle.occurrences(in: text.symbols)
            if found.isEmpty { return nil }
            ranges += found
            score += Double(found.count) * 2.2 / (Double(found.count) + length)
        }
        for needle in unwanted where !needle.occurrences(in: text.symbols).isEmpty { return nil }
        var highlights: [Range<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            let (start, end) = (Int(text.starts[range.lowerBound]), Int(text.ends[range.upperBound - 1]))
            if let last = highlights.last, start <= last.upperBound {
                highlights[highlights.count - 1] = last.lowerBound..<max(last.upperBound, end)
            } else {
                highlights.append(start..<end)
            }
        }
        return Match(highlights: highlights, score: score)
    }

    /// Terms, or ranges of them, of which every message that is found has at least one each.
    package var terms: [ClosedRange<Int64>] {
        var seen: Set<ClosedRange<Int64>> = []
        let all = wanted.flatMap(\.terms).filter { seen.insert($0).inserted }
        // More of them leave out hardly anything more.
        guard all.count > 12 else { return all }
        return (0..<12).map { all[$0 * all.count / 12] }
    }
}

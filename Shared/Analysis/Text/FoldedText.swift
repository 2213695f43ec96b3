/// A text as searching sees it: folded symbols, one blank where any number of characters stand between words, none at either end. The index and the
/// query are made by it alike.
package struct FoldedText: Sendable {
    package private(set) var symbols: [Symbol] = []
    /// Of each symbol, the code points of the text that it came from.
    private(set) var starts: [Int32] = []
    private(set) var ends: [Int32] = []

    package init(_ text: String) {
        let basic = FoldingTable.basic
        let length = text.utf8.count
        symbols.reserveCapacity(length)
        starts.reserveCapacity(length)
        ends.reserveCapacity(length)
        var index: Int32 = 0
        var gap = false
        for scalar in text.unicodeScalars {
            defer { index += 1 }
            let value = scalar.value
            if value < 0x1_0000 {
                let symbol = Symbol(code: basic[Int(value)])
                if symbol.isSeparator {
                    gap = true
                } else if symbol.kindBits <= Symbol.Kind.single.rawValue {
                    add(symbol, index, &gap)
                } else if symbol.kindBits == Symbol.Kind.dropped.rawValue {
                    extend(index, gap)
                } else if symbol.kindBits == Symbol.Kind.several.rawValue {
                    for one in FoldingTable.several[value] ?? [] { take(one, index, &gap) }
                } else {
                    take(symbol, index, &gap)
                }
            } else {
                let folded = FoldingTable.fold(value)
                if folded.isEmpty { extend(index, gap) }
                for one in folded { take(one, index, &gap) }
            }
        }
    }

    private mutating func take(_ symbol: Symbol, _ index: Int32, _ gap: inout Bool) {
        if symbol.isSeparator {
            gap = true
        } else if symbol.kindBits == Symbol.Kind.voicing.rawValue {
            add(Symbol(symbol.scalar, .single), index, &gap)
        } else {
            add(symbol, index, &gap)
        }
    }

    @inline(__always)
    private mutating func add(_ symbol: Symbol, _ index: Int32, _ gap: inout Bool) {
        if gap {
            gap = false
            if !symbols.isEmpty { put(.blank, index) }
        } else if FoldingTable.joins(symbol), let last = symbols.last, let joined = FoldingTable.join(last, symbol) {
            symbols[symbols.count - 1] = joined
            ends[ends.count - 1] = index + 1
            return
        }
        put(symbol, index)
    }

    @inline(__always)
    private mutating func put(_ symbol: Symbol, _ index: Int32) {
        symbols.append(symbol)
        starts.append(index)
        ends.append(index + 1)
    }

    /// An accent belongs to what it stands on.
    private mutating func extend(_ index: Int32, _ gap: Bool) {
        if !gap, let last = ends.last, last == index { ends[ends.count - 1] = index + 1 }
    }
}

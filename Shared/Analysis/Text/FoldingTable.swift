private import Foundation

/// A folded character: a Unicode scalar in the low bits, and above it what it is to a search. Characters that are equal are equal numbers.
package struct Symbol: Sendable, Hashable {
    package enum Kind: UInt32, Sendable {
        /// Stands between words.
        case separator
        /// A letter, digit or mark of a script that puts something between its words: words are found whole.
        case word
        /// A character of a script without blanks, or an emoji: found wherever it stands.
        case single
        /// Nothing to a search: accents, invisible characters.
        case dropped
        /// The voicing marks of kana, which make another letter of the one before.
        case voicing
        /// More than one symbol: see `FoldingTable.several`.
        case several
    }

    let code: UInt32

    init(_ scalar: UInt32, _ kind: Kind) { code = scalar | kind.rawValue << 24 }
    init(code: UInt32) { self.code = code }

    package static let blank = Symbol(0x20, .separator)
    package var scalar: UInt32 { code & 0x1F_FFFF }
    @inline(__always) var kindBits: UInt32 { code >> 24 }
    @inline(__always) package var isWord: Bool { kindBits == Kind.word.rawValue }
    @inline(__always) package var isSingle: Bool { kindBits == Kind.single.rawValue }
    @inline(__always) package var isSeparator: Bool { kindBits == Kind.separator.rawValue }
}

/// What each character folds to: compatibility decomposition, case, and accents taken off (Unicode 5.18, UAX #15). Made of the standard library's
/// data, once a process, for the characters of the basic plane; others are looked at when they come.
enum FoldingTable {
    /// By scalar, of the basic plane.
    static let basic: [UInt32] = (0..<0x1_0000).map { value in
        // What is its own folded form, so that the table is made quickly: Han, Hangul syllables; and surrogates, private use.
        switch UInt32(value) {
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xAC00...0xD7A3: return Symbol(UInt32(value), .single).code
        case 0xD800...0xF8FF: return Symbol(UInt32(value), .separator).code
        default: break
        }
        let folded = fold(UInt32(value))
        switch folded.count {
        case 0: return Symbol(UInt32(value), .dropped).code
        case 1: return folded[0].code
        default: return Symbol(UInt32(value), .several).code
        }
    }

    /// Those of the basic plane that are more than one symbol.
    static let several: [UInt32: [Symbol]] = Dictionary(
        uniqueKeysWithValues: basic.indices.lazy.filter { basic[$0] >> 24 == Symbol.Kind.several.rawValue }
            .map { (UInt32($0), fold(UInt32($0))) })

    /// Kana with a voicing mark, by the kana and the mark.
    static let voiced: [UInt64: UInt32] = {
        var found: [UInt64: UInt32] = [:]
        for mark in [UInt32(0x3099), 0x309A] {
            for base in UInt32(0x3041)...0x30FE {
                guard let first = Unicode.Scalar(base), let second = Unicode.Scalar(mark) else { continue }
                var text = String.UnicodeScalarView()
                text.append(first)
                text.append(second)
                let composed = String(text).precomposedStringWithCanonicalMapping.unicodeScalars
                if composed.count == 1, let one = composed.first { found[UInt64(base) << 32 | UInt64(mark)] = one.value }
            }
        }
        return found
    }()

    /// The symbols of any scalar; those that are dropped left out.
    static func fold(_ value: UInt32) -> [Symbol] {
        guard let scalar = Unicode.Scalar(value) else { return [.blank] }
        var symbols: [Symbol] = []
        for part in String(scalar).decomposedStringWithCompatibilityMapping.unicodeScalars {
            // Up and down again folds what lower case alone keeps apart: ß and ss, final sigma.
            let cased = part.properties.uppercaseMapping.unicodeScalars.map(\.properties.lowercaseMapping).joined()
            for one in cased.decomposedStringWithCompatibilityMapping.unicodeScalars {
                append(Symbol(one.value, kind(of: one)), to: &symbols)
            }
        }
        return symbols
    }

    /// Appends a symbol as a text does: a mark of kana and the parts of a Hangul syllable join what is before them (Unicode 3.12).
    static func append(_ symbol: Symbol, to symbols: inout [Symbol]) {
        if symbol.kindBits == Symbol.Kind.dropped.rawValue { return }
        if let last = symbols.last, let joined = join(last, symbol) {
            symbols[symbols.count - 1] = joined
        } else {
            symbols.append(symbol.kindBits == Symbol.Kind.voicing.rawValue ? Symbol(symbol.scalar, .single) : symbol)
        }
    }

    @inline(__always)
    static func joins(_ symbol: Symbol) -> Bool {
        0x1161...0x11C2 ~= symbol.scalar || symbol.scalar & ~1 == 0x3098 || symbol.scalar == 0x309A
    }

    static func join(_ last: Symbol, _ next: Symbol) -> Symbol? {
        let (first, second) = (last.scalar, next.scalar)
        switch second {
        case 0x3099, 0x309A: return voiced[UInt64(first) << 32 | UInt64(second)].map { Symbol($0, .single) }
        case 0x1161...0x1175 where 0x1100...0x1112 ~= first:
            return Symbol(0xAC00 + ((first - 0x1100) * 21 + second - 0x1161) * 28, .single)
        case 0x11A8...0x11C2 where 0xAC00...0xD7A3 ~= first && (first - 0xAC00) % 28 == 0:
            return Symbol(first + second - 0x11A7, .single)
        default: return nil
        }
    }

    private static func kind(of scalar: Unicode.Scalar) -> Symbol.Kind {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber, .letterNumber,
            .otherNumber:
            return isUnspaced(scalar.value) ? .single : .word
        case .nonspacingMark, .spacingMark, .enclosingMark:
            if scalar.value == 0x3099 || scalar.value == 0x309A { return .voicing }
            if isAccent(scalar.value) { return .dropped }
            return isUnspaced(scalar.value) ? .single : .word
        case .otherSymbol: return .single
        case .format: return .dropped
        case .modifierSymbol: return 0x1F3FB...0x1F3FF ~= scalar.value ? .dropped : .separator
        default: return .separator
        }
    }

    /// Marks that readers leave out: accents, the points of Hebrew and Arabic, variation selectors. The vowel signs of Indic scripts are no such.
    private static func isAccent(_ value: UInt32) -> Bool {
        switch value {
        case 0x0300...0x036F, 0x0483...0x0489, 0x0591...0x05C7, 0x0610...0x061A, 0x064B...0x065F, 0x0670, 0x06D6...0x06ED,
            0x1AB0...0x1AFF, 0x1DC0...0x1DFF, 0x20D0...0x20FF, 0x302A...0x302D, 0xFE00...0xFE0F, 0xFE20...0xFE2F,
            0xE0100...0xE01EF:
            true
        default: false
        }
    }

    /// Scripts that put nothing between words, and Hangul, whose words carry their endings.
    private static func isUnspaced(_ value: UInt32) -> Bool {
        switch value {
        case 0x0E00...0x0FFF, 0x1000...0x109F, 0x1100...0x11FF, 0x1780...0x17FF, 0x1950...0x19DF, 0x1A20...0x1AAF,
            0x2E80...0x2FDF, 0x3005...0x3007, 0x3021...0x3029, 0x3031...0x303C, 0x3041...0x31FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
            0xA000...0xA4CF, 0xA960...0xA97F, 0xAA60...0xAA7F, 0xAC00...0xD7FF, 0xF900...0xFAFF, 0x16FE0...0x18D8F,
            0x1AFF0...0x1B2FF,
            0x20000...0x323AF:
            true
        default: false
        }
    }
}

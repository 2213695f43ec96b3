/// Whether a text has any of a few words in it, in whatever case, in one pass: most statements have none, and need not be cut into words.
struct Needles: Sendable {
    private let byFirst: [[[UInt8]]]

    init(_ words: [String]) {
        var table = [[[UInt8]]](repeating: [], count: 256)
        for word in words {
            let bytes = Array(word.lowercased().utf8)
            guard let first = bytes.first else { continue }
            table[Int(first)].append(bytes)
            if UInt8(ascii: "a")...UInt8(ascii: "z") ~= first { table[Int(first & 0xDF)].append(bytes) }
        }
        byFirst = table
    }

    func isIn(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            byFirst.withUnsafeBufferPointer { table in
                for start in bytes.indices where !table[Int(bytes[start])].isEmpty {
                    for word in table[Int(bytes[start])] where start + word.count <= bytes.count {
                        var index = 1
                        while index < word.count, Self.lower(bytes[start + index]) == word[index] { index += 1 }
                        if index == word.count { return true }
                    }
                }
                return false
            }
        }
    }

    @inline(__always)
    private static func lower(_ byte: UInt8) -> UInt8 { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte }
}

import EverlineProtocol

/// Where a page of a search ended. It names places among messages, so that it stays right while others come; whoever makes one up gets nothing that they
/// could not ask for.
struct SearchCursor: Sendable, Equatable {
    enum Place: Sendable, Equatable {
        /// Goes on with what is older.
        case newest(below: HitKey)
        /// Of what was sent no later than `asOf` and after `bound`, goes on with what fits less well than the last hit did.
        case relevance(asOf: HitKey, bound: HitKey?, score: Double, last: HitKey)
    }

    let place: Place

    /// - Parameter question: what must be the same for the cursor to make sense.
    func text(_ question: String, epoch: String) -> String {
        func text(_ key: HitKey) -> String { "\(key.milliseconds):\(key.room):\(key.seq)" }
        let place =
            switch place {
            case .newest(let key): "n:\(text(key))"
            case .relevance(let asOf, let bound, let score, let last):
                "r:\(text(asOf)):\(bound.map(text) ?? "::"):\(score.bitPattern):\(text(last))"
            }
        return "1:\(epoch):\(Self.mark(question)):\(place)"
    }

    init(place: Place) { self.place = place }

    /// - Throws: `epoch.changed`, or `invalid_params` for what is no cursor, or that of another question.
    init(_ text: String, _ question: String, epoch: String) throws(RPCError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 7, parts[0] == "1" else { throw Self.refusal("is not one that a search answered with") }
        guard parts[1] == epoch else { throw RPCError(.epochChanged) }
        guard parts[2] == Self.mark(question) else { throw Self.refusal("belongs to another search") }
        func key(_ index: Int) -> HitKey? {
            guard index + 2 < parts.count, let milliseconds = Int64(parts[index]), let room = Int64(parts[index + 1]),
                let seq = Int64(parts[index + 2]), -(1 << 50)..<1 << 50 ~= milliseconds, -1..<1 << 60 ~= room, -1..<1 << 60 ~= seq
            else { return nil }
            return HitKey(milliseconds: milliseconds, room: room, seq: seq)
        }
        if parts[3] == "n", parts.count == 7, let below = key(4) {
            place = .newest(below: below)
        } else if parts[3] == "r", parts.count == 14, let asOf = key(4), let bits = UInt64(parts[10]), let last = key(11),
            !Double(bitPattern: bits).isNaN, key(7) != nil || parts[7].isEmpty
        {
            place = .relevance(asOf: asOf, bound: key(7), score: Double(bitPattern: bits), last: last)
        } else {
            throw Self.refusal("is not one that a search answered with")
        }
    }

    private static func refusal(_ detail: String) -> RPCError {
        RPCError(.invalidParams, detail: "cursor \(detail)", parameter: "cursor")
    }

    /// FNV-1a: it guards against mistakes, not against anybody.
    private static func mark(_ question: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in question.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(hash, radix: 36)
    }
}

/// Which request of which trace something belongs to (W3C Trace Context, level 1, section 3.2: the `traceparent` of an HTTP request, and here
/// also a member of a request's object).
package struct TraceContext: Sendable, Equatable {
    /// The trace's 16 bytes; never all zero.
    package let high: UInt64
    package let low: UInt64
    /// The 8 bytes of the span; never zero.
    package let span: UInt64
    /// The span that asked for this one; `nil` where the trace begins.
    package let parent: UInt64?
    /// Whoever began the trace wants it recorded.
    package let sampled: Bool

    /// Of what a task does; `nil` outside of a request.
    @TaskLocal package static var current: TraceContext?

    /// The first span of a new trace.
    package init() {
        self.init(high: UInt64.random(in: 1...UInt64.max), low: UInt64.random(in: 0...UInt64.max), parent: nil, sampled: false)
    }

    private init(high: UInt64, low: UInt64, parent: UInt64?, sampled: Bool) {
        self.high = high
        self.low = low
        self.span = UInt64.random(in: 1...UInt64.max)
        self.parent = parent
        self.sampled = sampled
    }

    /// A new span under the one that a `traceparent` names; `nil` if the text is none, and then the trace begins anew (section 3.2.2.3).
    package init?(under traceparent: String) {
        let bytes = Array(traceparent.utf8)
        // A later version may be longer, after another dash.
        guard bytes.count == 55 || bytes.count > 55 && bytes[55] == UInt8(ascii: "-"),
            bytes[2] == UInt8(ascii: "-"), bytes[35] == UInt8(ascii: "-"), bytes[52] == UInt8(ascii: "-"),
            let version = Self.hex(bytes[0..<2]), version != 0xFF, version != 0 || bytes.count == 55,
            let high = Self.hex(bytes[3..<19]), let low = Self.hex(bytes[19..<35]), high != 0 || low != 0,
            let parent = Self.hex(bytes[36..<52]), parent != 0, let flags = Self.hex(bytes[53..<55])
        else { return nil }
        self.init(high: high, low: low, parent: parent, sampled: flags & 1 == 1)
    }

    /// For whoever is asked on behalf of this span.
    package var traceparent: String { "00-\(traceID)-\(spanID)-0\(sampled ? 1 : 0)" }
    package var traceID: String { Self.hex(high) + Self.hex(low) }
    package var spanID: String { Self.hex(span) }
    package var parentID: String? { parent.map { Self.hex($0) } }

    /// Lower case only, as the specification wants.
    private static func hex(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for byte in digits {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

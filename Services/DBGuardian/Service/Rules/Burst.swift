/// Counts what happens by key within a span. Bounded in keys and in what it remembers of each.
struct Burst: Sendable {
    private let span: Int64
    private let count: Int
    private var times: [String: [Int64]] = [:]
    private static let mostKeys = 10_000

    /// - Parameter span: in milliseconds.
    init(count: Int, span: Int64) {
        self.count = max(1, count)
        self.span = span
    }

    /// Whether with this one there are `count` within the span. A clock that was set back begins anew.
    mutating func add(_ key: String, at now: Int64) -> Bool {
        if times.count >= Self.mostKeys, times[key] == nil { times.removeAll() }
        var own = times[key, default: []].filter { abs(now - $0) <= span }
        own.append(now)
        if own.count > count { own.removeFirst(own.count - count) }
        times[key] = own
        return own.count >= count
    }

    /// How many there were within the span before `now`.
    func recent(_ key: String, at now: Int64) -> Int { (times[key] ?? []).filter { abs(now - $0) <= span }.count }
}

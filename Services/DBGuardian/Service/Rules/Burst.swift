/// Counts what happens by key within a span. Bounded in keys and in what it remembers of each.
package struct Burst: Sendable, Codable, Equatable {
    private var span: Int64
    private var count: Int
    private var times: [String: [Int64]] = [:]
    private static let mostKeys = 10_000

    /// - Parameter span: in milliseconds.
    package init(count: Int, span: Int64) {
        self.count = max(1, count)
        self.span = span
    }

    /// Whether with this one there are `count` within the span. A clock that was set back begins anew.
    package mutating func add(_ key: String, at now: Int64) -> Bool {
        if times.count >= Self.mostKeys, times[key] == nil { times.removeAll() }
        var own = times[key, default: []].filter { abs(now - $0) <= span }
        own.append(now)
        if own.count > count { own.removeFirst(own.count - count) }
        times[key] = own
        return own.count >= count
    }

    /// What another one has counted, as far as it may still matter; with the limits of this one.
    package mutating func take(_ other: Burst, now: Int64) {
        times = other.times.compactMapValues { own in
            let near = own.filter { abs(now - $0) <= span }.suffix(count)
            return near.isEmpty ? nil : Array(near)
        }
    }

    /// Without what is too old to matter.
    func recent(now: Int64) -> Burst {
        var copy = self
        copy.take(self, now: now)
        return copy
    }

    /// How many there were within the span before `now`.
    func recent(_ key: String, at now: Int64) -> Int { (times[key] ?? []).filter { abs(now - $0) <= span }.count }
}

/// Where a server listens for TLS.
package struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { "\(host):\(port)" }
}

/// Which servers take commands, and which of them what is of which key: one server for all of it, found by itself or through Sentinels, or the masters of a
/// Cluster, each with its slots.
struct RedisLayout: Sendable, Equatable {
    let masters: [RedisAddress]
    /// By slot, its master's place among them, or `none`; empty if there is one master for all.
    let slots: [UInt16]
    /// Whether another may take its place, which is then to be looked for.
    let mayChange: Bool

    private static let none = UInt16.max

    init(master: RedisAddress, mayChange: Bool) {
        masters = [master]
        slots = []
        self.mayChange = mayChange
    }

    /// - Parameters:
    ///   - reply: to CLUSTER SLOTS: of each range its first and last slot, its master, and that one's replicas.
    ///   - asked: whose host is meant where none is named.
    /// - Returns: `nil` if it is no such reply, or no slot has a master.
    init?(slots reply: RedisValue, asked: RedisAddress) {
        var ranges: [(slots: ClosedRange<Int>, master: RedisAddress)] = []
        for range in reply.array ?? [] {
            guard let parts = range.array, parts.count > 2, let first = parts[0].integer, let last = parts[1].integer,
                0 <= first, first <= last, last < KeySlot.count, let master = parts[2].array, master.count > 1,
                let port = master[1].integer
            else { return nil }
            let host = master[0].string.flatMap { $0.isEmpty ? nil : $0 } ?? asked.host
            ranges.append((Int(first)...Int(last), RedisAddress(host: host, port: Int(port))))
        }
        guard !ranges.isEmpty else { return nil }
        // In an order that does not depend on who was asked.
        let masters = Set(ranges.map(\.master)).sorted { ($0.host, $0.port) < ($1.host, $1.port) }
        var slots = [UInt16](repeating: Self.none, count: KeySlot.count)
        for range in ranges {
            let place = masters.firstIndex(of: range.master).map { UInt16($0) } ?? Self.none
            for slot in range.slots { slots[slot] = place }
        }
        self.masters = masters
        self.slots = slots
        mayChange = true
    }

    var isSharded: Bool { !slots.isEmpty }

    /// The place among the masters of the one that has the key or channel; `nil` while none has it.
    func place(of key: [UInt8]) -> Int? {
        guard isSharded else { return 0 }
        let place = slots[KeySlot.of(key)]
        return place == Self.none ? nil : Int(place)
    }
}

/// Where a Cluster says that a key lies (redis.io, "Redis cluster specification", MOVED and ASK redirection).
struct Redirection {
    let address: RedisAddress
    /// For this command alone, while its slot moves.
    let isOnce: Bool

    /// `nil` if the error is another.
    init?(_ error: RedisError) {
        // `MOVED 3999 127.0.0.1:6381`
        let words = error.message.split(separator: " ")
        guard ["MOVED", "ASK"].contains(error.code), words.count == 3, let colon = words[2].lastIndex(of: ":"),
            colon > words[2].startIndex, let port = Int(words[2][words[2].index(after: colon)...])
        else { return nil }
        address = RedisAddress(host: String(words[2][..<colon]), port: port)
        isOnce = error.code == "ASK"
    }
}

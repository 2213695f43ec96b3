/// One room's counter, and what its messages say of it.
package struct RoomNumbers: Sendable {
    package var id: Int64
    package var lastSeq: Int64
    package var lastRev: Int64
    /// The range that was counted, and how many different numbers were in it.
    package var from: Int64
    package var to: Int64
    package var found: Int64

    package init(id: Int64, lastSeq: Int64, lastRev: Int64, from: Int64, to: Int64, found: Int64) {
        self.id = id
        self.lastSeq = lastSeq
        self.lastRev = lastRev
        self.from = from
        self.to = to
        self.found = found
    }
}

/// Numbers that are promised to have no gaps have one.
struct SequenceGap: Rule {
    static let definition = RuleDefinition(
        id: "sequence-gap", severity: .critical, description: "A room has a hole in its numbers, or messages beyond its counter.",
        normal: "Deleted messages: they leave a tombstone with their number.",
        advice:
            "Messages were taken out past the functions. Restore to before, beside the running server, and compare (`db-guardian drill`).",
        thresholds: [])
    static let lasts = true
    init(_ thresholds: Thresholds) {}

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .rooms(let rooms) = event else { return [] }
        return rooms.filter { $0.to >= $0.from && $0.found != $0.to - $0.from + 1 }.map { room in
            alarm(
                scene, database: scene.database, object: "room \(room.id)",
                evidence: ["room \(room.id): \(room.found) messages numbered \(room.from) to \(room.to)"],
                cause: "room \(room.id)", destroyed: true)
        }
    }
}

/// A counter that only ever grows has fallen.
struct NumbersBackwards: Rule {
    static let definition = RuleDefinition(
        id: "numbers-backwards", severity: .critical,
        description: "A room's counter fell: history was turned back, or somebody set it.",
        normal: "Counters grow.",
        advice: "If a backup was restored on purpose, acknowledge this; else restore to before, beside the running server.",
        thresholds: [])
    private var last: [Int64: RoomNumbers] = [:]
    private static let most = 200_000

    init(_ thresholds: Thresholds) {}

    mutating func see(_ event: WatchEvent, _ scene: Scene) -> [Alarm] {
        guard case .rooms(let rooms) = event else { return [] }
        var alarms: [Alarm] = []
        for room in rooms {
            if let before = last[room.id], room.lastSeq < before.lastSeq || room.lastRev < before.lastRev {
                alarms.append(
                    alarm(
                        scene, database: scene.database, object: "room \(room.id)",
                        evidence: [
                            "room \(room.id): message \(before.lastSeq) -> \(room.lastSeq), revision \(before.lastRev) -> \(room.lastRev)"
                        ],
                        cause: "room \(room.id)", destroyed: true))
            }
            if last.count >= Self.most { last.removeAll() }
            last[room.id] = room
        }
        return alarms
    }
}

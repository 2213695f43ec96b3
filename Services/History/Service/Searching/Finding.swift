import EverlineAnalysis
import EverlinePostgres
import EverlineProtocol

/// One search through what somebody may read, the newest first. Messages come from the index, in blocks that overlap a little in time, and from the ends
/// of rooms that it has not come to; each is looked at itself before it counts. What is found is final once nothing newer can be left anywhere.
struct Finding {
    let query: SearchQuery
    let scope: SearchScope
    let connection: PostgresConnection
    let wanted: Window

    /// Which messages are asked for, beside what they say.
    struct Window: Sendable {
        let since: Int64
        let until: Int64
        let sender: Int64?
        /// Only what stands before the one and after the other.
        var below: HitKey?
        var above: HitKey?

        func contains(_ key: HitKey) -> Bool {
            since..<until ~= key.milliseconds && below.map { key < $0 } ?? true && above.map { key > $0 } ?? true
        }
        /// All of it, in units of postings.
        var times: ClosedRange<Int64> {
            let first = max(Posting.time(ofMilliseconds: since), above?.time ?? .min)
            let last = min(Posting.time(ofMilliseconds: until - 1), below?.time ?? .max)
            return min(first, last)...last
        }
    }

    struct Found {
        /// In order, the newest first.
        var hits: [Hit]
        /// Where to go on, if time was up before there were enough.
        var unfinished: HitKey?
    }

    private let terms: [ClosedRange<Int64>]
    private var blocks: ArraySlice<IndexReader.Block> = []
    private var opened: Int64 = 0
    private var tails: [SearchScope.Tail]
    /// Not looked at yet, the newest last.
    private var candidates: [Posting] = []
    private var seen: Set<Place> = []
    /// Found, and perhaps not final; the newest last.
    private var ready: [Hit] = []

    private struct Place: Hashable {
        let room: Int64
        let seq: Int64
    }

    /// Messages that are read at once.
    private static let chunk = 2_000
    /// Messages of the blocks that are opened first; then four times as many.
    private static let firstOpened: Int64 = 100_000

    init(_ query: SearchQuery, _ scope: SearchScope, _ wanted: Window, on connection: PostgresConnection) {
        self.query = query
        self.scope = scope
        self.wanted = wanted
        self.connection = connection
        terms = query.terms + (wanted.sender.map { [Terms.sender($0)...Terms.sender($0)] } ?? [])
        tails = scope.tails
    }

    /// - Parameters:
    ///   - limit: as many as this.
    ///   - end: when it stops looking, and answers with what is final.
    mutating func run(limit: Int, until end: ContinuousClock.Instant) async throws -> Found {
        var hits: [Hit] = []
        guard wanted.since < wanted.until else { return Found(hits: hits) }
        let times = wanted.times
        blocks = try await IndexReader.blocks(in: times, on: connection)[...]
        try await lookAtEdited()
        tails.removeAll { $0.upTo <= $0.after || $0.time < times.lowerBound }
        while true {
            let frontier = [candidates.last?.time, blocks.first?.lastTime, tails.map(\.time).max()].compactMap { $0 }.max()
            while hits.count < limit, let hit = ready.last, frontier.map({ hit.key.time > $0 }) ?? true {
                hits.append(ready.removeLast())
            }
            guard hits.count < limit, let frontier else { return Found(hits: hits) }
            if ContinuousClock.now > end { return Found(hits: hits, unfinished: .beginning(of: frontier + 1)) }
            if tails.contains(where: { $0.time == frontier }) {
                try await lookAtTails()
            } else if let time = candidates.last?.time, time == frontier, time > blocks.first?.lastTime ?? .min {
                try await lookAtCandidates(limit - hits.count)
            } else {
                try await openBlocks(times)
            }
        }
    }

    // MARK: The index

    private mutating func openBlocks(_ times: ClosedRange<Int64>) async throws {
        let aim = max(Self.firstOpened, opened * 3)
        var taken: [IndexReader.Block] = []
        var messages: Int64 = 0
        while let next = blocks.first, messages < aim || next.lastTime >= candidates.last?.time ?? .max {
            taken.append(blocks.removeFirst())
            messages += next.messages
        }
        opened += messages
        let rooms = scope.rooms
        candidates += try await IndexReader.candidates(terms, in: taken, on: connection) {
            times.contains($0.time) && rooms.contains($0.room)
        }
        candidates.sort()
    }

    private mutating func lookAtCandidates(_ missing: Int) async throws {
        let count = min(candidates.count, min(Self.chunk, max(64, missing * 2)))
        var (rooms, seqs): ([Int64], [Int64]) = ([], [])
        for posting in candidates.suffix(count) where seen.insert(Place(room: posting.room, seq: posting.seq)).inserted {
            rooms.append(posting.room)
            seqs.append(posting.seq)
        }
        candidates.removeLast(count)
        if rooms.isEmpty { return }
        try look(at: try await connection.execute(Self.selectCandidates, [rooms, seqs]))
    }

    private mutating func look(at rows: PostgresRows) throws {
        for row in rows {
            let key = HitKey(
                milliseconds: try row[3].decode(as: PostgresTimestamp.self).milliseconds, room: try row[0].decode(),
                seq: try row[1].decode())
            guard wanted.contains(key), try wanted.sender.map({ try $0 == row[2].decode() }) ?? true,
                let match = query.match(try row[4].decode())
            else { continue }
            ready.append(Hit(key: key, highlights: match.highlights, score: match.score))
        }
        ready.sort { $0.key < $1.key }
    }

    // MARK: What is not indexed yet

    /// Texts that were changed since: they may be found by what the index does not know.
    private mutating func lookAtEdited() async throws {
        guard !tails.isEmpty else { return }
        let rows = try await connection.execute(
            Self.selectEdited, [tails.map(\.room), tails.map(\.afterRev), tails.map(\.after)], deadline: .seconds(5))
        try look(at: rows)
        for hit in ready { seen.insert(Place(room: hit.key.room, seq: hit.key.seq)) }
    }

    /// The newest that is left of those rooms that may have the newest.
    private mutating func lookAtTails() async throws {
        let order = tails.indices.sorted { tails[$0].time > tails[$1].time }
        var taken: [Int] = []
        var messages = 0
        for index in order where messages < Self.chunk {
            taken.append(index)
            messages += min(Self.chunk, Int(tails[index].upTo - tails[index].after))
        }
        let rows = try await connection.execute(
            Self.selectTails,
            [taken.map { tails[$0].room }, taken.map { tails[$0].after }, taken.map { tails[$0].upTo }, Self.chunk],
            deadline: .seconds(5))
        var oldest: [Int64: (seq: Int64, time: Int64)] = [:]
        for row in rows {
            let (room, seq): (Int64, Int64) = (try row[0].decode(), try row[1].decode())
            let time = Posting.time(ofMilliseconds: try row[3].decode(as: PostgresTimestamp.self).milliseconds)
            if seq < oldest[room]?.seq ?? .max { oldest[room] = (seq, time) }
        }
        try look(at: rows)
        for index in taken {
            tails[index].upTo = oldest[tails[index].room].map { $0.seq - 1 } ?? tails[index].after
            tails[index].time = oldest[tails[index].room]?.time ?? .min
        }
        let first = wanted.times.lowerBound
        tails.removeAll { $0.upTo <= $0.after || $0.time < first }
    }

    private static let selectCandidates = PostgresStatement(
        """
        SELECT m.room_id, m.seq, m.sender_id, m.sent_at, m.body
        FROM unnest($1::bigint[], $2::bigint[]) AS w (room_id, seq)
        CROSS JOIN LATERAL (SELECT m.* FROM everline.messages m WHERE m.room_id = w.room_id AND m.seq = w.seq OFFSET 0) m
        WHERE m.deleted_at IS NULL
        """)
    private static let selectEdited = PostgresStatement(
        """
        SELECT m.room_id, m.seq, m.sender_id, m.sent_at, m.body
        FROM (SELECT DISTINCT v.room_id, v.seq
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (room_id, after_rev, after)
            CROSS JOIN LATERAL (SELECT v.* FROM everline.revisions v WHERE v.room_id = w.room_id AND v.rev > w.after_rev OFFSET 0) v
            WHERE v.kind = 'edit' AND v.seq <= w.after) w
        CROSS JOIN LATERAL (SELECT m.* FROM everline.messages m WHERE m.room_id = w.room_id AND m.seq = w.seq OFFSET 0) m
        WHERE m.deleted_at IS NULL
        """)
    private static let selectTails = PostgresStatement(
        """
        SELECT m.room_id, m.seq, m.sender_id, m.sent_at, m.body
        FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS w (room_id, after, up_to)
        CROSS JOIN LATERAL (SELECT t.* FROM everline.messages t WHERE t.room_id = w.room_id AND t.seq > w.after AND t.seq <= w.up_to
            ORDER BY t.seq DESC LIMIT $4) m
        """)
}

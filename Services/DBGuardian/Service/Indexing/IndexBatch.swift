import EverlineAnalysis
import EverlinePostgres

/// Some messages and revisions that become a block and go into the rollups, in one transaction with how far that has come.
struct IndexBatch {
    private var messages: [(posting: Posting, terms: Range<Int>)] = []
    private var terms: [Int64] = []
    private var days = DayChanges()
    private var bytes = 0

    /// Messages of a block, and bytes of text: that is held in memory.
    private static let most: Int64 = 32_768
    private static let mostBytes = 16 << 20
    private static let chunk: Int64 = 2_048
    private static let mostRevisions: Int64 = 10_000

    /// How many messages and revisions it was.
    static func write(on connection: PostgresConnection) async throws -> Int64 {
        try await connection.withTransaction(.repeatableRead, deadline: .seconds(60)) { connection in
            var ranges = try await IndexRange.oldest(most, of: IndexRange.all(on: connection), on: connection)
            var batch = IndexBatch()
            var revs: [Int64] = []
            var done: Int64 = 0
            for index in ranges.indices {
                let rev = try await batch.revisions(of: ranges[index], connection)
                revs.append(rev)
                try await batch.messages(of: &ranges[index], rev, connection)
                done += ranges[index].upTo - ranges[index].after + rev - ranges[index].afterRev
            }
            try await batch.store(on: connection)
            try await batch.days.store(on: connection)
            try await connection.query(
                """
                INSERT INTO everline.search_progress AS p (room_id, seq, rev)
                SELECT * FROM unnest(\(ranges.map(\.room))::bigint[], \(ranges.map(\.upTo))::bigint[], \(revs)::bigint[])
                ON CONFLICT (room_id) DO UPDATE SET seq = excluded.seq, rev = excluded.rev
                """, deadline: .seconds(60))
            return done
        }
    }

    // MARK: Reading

    private mutating func messages(of range: inout IndexRange, _ rev: Int64, _ connection: PostgresConnection) async throws {
        guard range.upTo > range.after else { return }
        // The one before the first, for who answered whom.
        var last: (sender: Int64, milliseconds: Int64)?
        var after = max(0, range.after - 1)
        while after < range.upTo {
            // What is too much for one block waits for the next.
            if bytes > Self.mostBytes {
                range.upTo = max(range.after, after)
                break
            }
            let rows = try await connection.execute(
                Self.select, [range.room, after, min(range.upTo, after + Self.chunk)], deadline: .seconds(60))
            for row in rows {
                let seq: Int64 = try row[0].decode()
                let sender: Int64 = try row[1].decode()
                let milliseconds = try row[3].decode(as: PostgresTimestamp.self).milliseconds
                defer { last = (sender, milliseconds) }
                guard seq > range.after else { continue }
                let quarter = RoomDay.quarter(ofMilliseconds: milliseconds)
                if let last, last.sender != sender, let time = ResponseTime.of(milliseconds - last.milliseconds) {
                    days.count(response: time, range.room, quarter)
                }
                // As of the revisions that are counted in with it: a later deletion is taken off with its own number.
                if let deleted: Int64 = try row[4].decode(as: Int64?.self), deleted <= rev { continue }
                days.count(range.room, quarter, sender, 1)
                add(try row[2].decode(as: String.self), range.room, seq, sender, milliseconds)
            }
            after = min(range.upTo, after + Self.chunk)
        }
    }

    /// Edits and deletions of what is indexed already. The last revision that is counted in.
    private mutating func revisions(of range: IndexRange, _ connection: PostgresConnection) async throws -> Int64 {
        guard range.lastRev > range.afterRev else { return range.lastRev }
        let rows = try await connection.execute(
            Self.selectRevised, [range.room, range.afterRev, range.after, Self.mostRevisions], deadline: .seconds(60))
        var edited: Set<Int64> = []
        for row in rows {
            let seq: Int64 = try row[1].decode()
            let sender: Int64 = try row[3].decode()
            let milliseconds = try row[5].decode(as: PostgresTimestamp.self).milliseconds
            if try row[2].decode(as: String.self) == "delete" {
                days.count(range.room, RoomDay.quarter(ofMilliseconds: milliseconds), sender, -1)
            } else if edited.insert(seq).inserted {
                add(try row[4].decode(as: String.self), range.room, seq, sender, milliseconds)
            }
        }
        return rows.count < Int(Self.mostRevisions) ? range.lastRev : try rows.decode(rows.count - 1, 0)
    }

    private mutating func add(_ body: String, _ room: Int64, _ seq: Int64, _ sender: Int64, _ milliseconds: Int64) {
        let start = terms.count
        if !body.isEmpty {
            Terms.each(of: FoldedText(body)) { terms.append($0) }
            terms.append(Terms.sender(sender))
        }
        messages.append(
            (Posting(time: Posting.time(ofMilliseconds: milliseconds), room: room, seq: seq), start..<terms.count))
        bytes += body.utf8.count
    }

    private static let select = PostgresStatement(
        """
        SELECT m.seq, m.sender_id, m.body, m.sent_at, CASE WHEN m.deleted_at IS NOT NULL THEN coalesce(m.rev, 0) END
        FROM everline.messages m WHERE m.room_id = $1 AND m.seq > $2 AND m.seq <= $3 ORDER BY m.seq
        """)
    private static let selectRevised = PostgresStatement(
        """
        SELECT r.rev, r.seq, r.kind, m.sender_id, m.body, m.sent_at
        FROM (SELECT r.* FROM everline.revisions r WHERE r.room_id = $1 AND r.rev > $2 AND r.kind IN ('edit', 'delete') AND r.seq <= $3
            ORDER BY r.rev LIMIT $4) r
        JOIN everline.messages m ON m.room_id = $1 AND m.seq = r.seq
        ORDER BY r.rev
        """)

    // MARK: Writing

    private func store(on connection: PostgresConnection) async throws {
        guard let first = messages.map(\.posting.time).min(), let last = messages.map(\.posting.time).max() else { return }
        // In the order of postings, so that each term's come in theirs.
        let order = messages.sorted { $0.posting < $1.posting }
        var entries: [Entry] = []
        entries.reserveCapacity(terms.count)
        for (index, message) in order.enumerated() {
            for term in terms[message.terms] { entries.append(Entry(term: term, message: Int32(index))) }
        }
        entries.sort()
        var (keys, values): ([Int64], [[UInt8]]) = ([], [])
        var start = 0
        while start < entries.count {
            let term = entries[start].term
            var found: [Posting] = []
            var before: Int32 = -1
            var end = start
            while end < entries.count, entries[end].term == term {
                if entries[end].message != before {
                    before = entries[end].message
                    found.append(order[Int(before)].posting)
                }
                end += 1
            }
            keys.append(term)
            values.append(Postings.encode(found))
            start = end
        }
        let block = try await BlockMerging.next(on: connection)
        try await connection.execute(
            Self.insert, [block, keys, values], deadline: .seconds(120))
        try await connection.query(
            """
            INSERT INTO everline.search_blocks (block, messages, first_time, last_time)
            VALUES (\(block), \(Int64(messages.count)), \(first), \(last))
            """)
    }

    private struct Entry: Comparable {
        let term: Int64
        let message: Int32

        static func < (left: Entry, right: Entry) -> Bool {
            left.term != right.term ? left.term < right.term : left.message < right.message
        }
    }

    private static let insert = PostgresStatement(
        """
        INSERT INTO everline.search_postings (block, term, postings) SELECT $1, p.term, p.postings FROM unnest($2::bigint[], $3::bytea[]) AS p (term, postings)
        """)
}

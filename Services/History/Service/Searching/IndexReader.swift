import EverlineAnalysis
import EverlinePostgres

/// Reads what the indexer has written.
struct IndexReader: Sendable {
    struct Block: Sendable {
        let block: Int64
        let messages: Int64
        let lastTime: Int64
    }

    /// Those with anything sent in the units of time, the newest first.
    static func blocks(in times: ClosedRange<Int64>, on connection: PostgresConnection) async throws -> [Block] {
        try await connection.execute(selectBlocks, [times.lowerBound, times.upperBound]).map { row in
            Block(block: try row[0].decode(), messages: try row[1].decode(), lastTime: try row[2].decode())
        }
    }

    /// Messages that have a term of each range, if they are wanted; in any order, and one may come twice.
    static func candidates(
        _ terms: [ClosedRange<Int64>], in blocks: [Block], on connection: PostgresConnection, where isWanted: (Posting) -> Bool
    ) async throws -> [Posting] {
        let rows = try await connection.execute(
            selectPostings, [blocks.map(\.block), terms.map(\.lowerBound), terms.map(\.upperBound)], deadline: .seconds(5))
        var lists: [Int64: [[Posting]]] = [:]
        for index in 0..<rows.count {
            let block: Int64 = try rows.decode(index, 0)
            let range: Int = try rows.decode(index, 1) - 1
            var own = lists.removeValue(forKey: block) ?? Array(repeating: [], count: terms.count)
            let isWell = rows.withBytes(index, 2) { bytes in
                bytes.map { Postings.decode($0, where: isWanted, into: &own[range]) } ?? false
            }
            guard isWell else { throw PostgresError(.usage, "postings of block \(block) are damaged") }
            lists[block] = own
        }
        var found: [Posting] = []
        for own in lists.values {
            let sorted = own.sorted { $0.count < $1.count }
            guard var common = sorted.first, !common.isEmpty else { continue }
            common.sort()
            for list in sorted.dropFirst() {
                // What is not there ends it before the long lists are sorted.
                if common.isEmpty { break }
                common = Postings.intersection(common, list.sorted())
            }
            found += common
        }
        return found
    }

    private static let selectBlocks = PostgresStatement(
        """
        SELECT block, messages, last_time FROM everline.search_blocks WHERE last_time >= $1 AND first_time <= $2 ORDER BY last_time DESC
        """)
    // OFFSET 0 keeps the planner from another order: it would read whole blocks and then throw away what is in no range.
    private static let selectPostings = PostgresStatement(
        """
        SELECT b.block, w.range, p.postings
        FROM unnest($1::bigint[]) AS b (block)
        CROSS JOIN unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (low, high, range)
        CROSS JOIN LATERAL (SELECT p.postings FROM everline.search_postings p
            WHERE p.block = b.block AND p.term >= w.low AND p.term <= w.high OFFSET 0) p
        """)
}

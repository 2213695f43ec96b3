import EverlinePostgres

/// Makes one block of several small ones, so that a question has few to look at. The postings of a term are put one after the other as they are.
enum BlockMerging {
    /// So many blocks of a size become one of the next.
    private static let fan = 8
    private static let sizes: [Int64] = [512, 4_096, 32_768]

    static func next(on connection: PostgresConnection) async throws -> Int64 {
        try await connection.query("SELECT coalesce(max(block), 0) + 1 FROM everline.search_blocks").decode(0, 0)
    }

    static func mergeIfDue(on connection: PostgresConnection) async throws {
        var lower: Int64 = 0
        for upper in sizes {
            let rows = try await connection.query(
                """
                SELECT block, messages, first_time, last_time FROM everline.search_blocks
                WHERE messages >= \(lower) AND messages < \(upper) ORDER BY last_time, block
                """)
            lower = upper
            guard rows.count >= fan else { continue }
            let blocks = try (0..<fan).map { try rows.decode($0, 0, as: Int64.self) }
            let messages = try (0..<fan).reduce(Int64(0)) { $0 + (try rows.decode($1, 1, as: Int64.self)) }
            let first = try (0..<fan).map { try rows.decode($0, 2, as: Int64.self) }.min() ?? 0
            let last = try (0..<fan).map { try rows.decode($0, 3, as: Int64.self) }.max() ?? 0
            try await connection.withTransaction(deadline: .seconds(120)) { connection in
                let block = try await next(on: connection)
                try await connection.query(
                    """
                    INSERT INTO everline.search_postings (block, term, postings)
                    SELECT \(block), p.term, string_agg(p.postings, ''::bytea ORDER BY p.block)
                    FROM everline.search_postings p WHERE p.block = ANY(\(blocks)) GROUP BY p.term ORDER BY p.term
                    """, deadline: .seconds(120))
                try await connection.query(
                    "DELETE FROM everline.search_postings WHERE block = ANY(\(blocks))", deadline: .seconds(120))
                try await connection.query("DELETE FROM everline.search_blocks WHERE block = ANY(\(blocks))")
                try await connection.query(
                    """
                    INSERT INTO everline.search_blocks (block, messages, first_time, last_time)
                    VALUES (\(block), \(messages), \(first), \(last))
                    """)
            }
        }
    }
}

import EverlinePostgres
import Testing

@Suite struct ValueTests {
    /// Through the server and back, alone and in an array with a NULL.
    private func roundTrip<T: PostgresElement & Equatable>(_ values: [T], _ sqlType: String) async throws {
        try await withPool { pool async throws in
            for value in values {
                let rows = try await pool.query("SELECT \(value), pg_typeof(\(value))::text")
                #expect(try rows.decode(0, 0, as: T.self) == value)
                #expect(try rows.decode(0, 1, as: String.self) == sqlType)
            }
            let rows = try await pool.query("SELECT \(values), \(values.map(Optional.some) + [nil]), \(nil as T?), \([] as [T])")
            #expect(try rows.decode(0, 0, as: [T].self) == values)
            #expect(try rows.decode(0, 1, as: [T?].self) == values.map(Optional.some) + [nil])
            #expect(try rows.decode(0, 2, as: T?.self) == nil)
            #expect(try rows.decode(0, 3, as: [T].self) == [])
        }
    }

    @Test func integers() async throws {
        try await roundTrip([Int16.min, -1, 0, 1, .max], "smallint")
        try await roundTrip([Int32.min, -1, 0, 1, .max], "integer")
        try await roundTrip([Int64.min, -1, 0, 1, .max], "bigint")
        try await roundTrip([Int.min, 0, .max], "bigint")
    }

    @Test func others() async throws {
        try await roundTrip([true, false], "boolean")
        try await roundTrip([0, -0.5, .infinity, .greatestFiniteMagnitude], "double precision")
        try await roundTrip([[], [0], Array(0...255)], "bytea")
        try await roundTrip([PostgresUUID.random(), PostgresUUID(high: 0, low: 0), PostgresUUID(high: .max, low: .max)], "uuid")
        try await roundTrip(
            [
                PostgresTimestamp(microseconds: 0), .init(microseconds: 1_700_000_000_123_456), .init(microseconds: -1),
                .infinity, .minusInfinity,
            ],
            "timestamp with time zone")
    }

    @Test func texts() async throws {
        try await roundTrip(
            [
                "", "a", "床前明月光，疑是地上霜。", "e\u{301}", "👩‍👩‍👧‍👦", "'; DROP TABLE x; --", "{\"a\",NULL}", "\\",
                String(repeating: "舉頭望明月", count: 20_000),
            ],
            "text")
    }

    @Test func anArrayOfHundredThousandElements() async throws {
        let numbers = (1...100_000).map { Int64($0) }
        let texts = numbers.map { "訊息 \($0)" }
        try await withPool { pool async throws in
            let rows = try await pool.query(
                "SELECT n, t FROM unnest(\(numbers), \(texts)) WITH ORDINALITY AS u(n, t, o) ORDER BY o", deadline: .seconds(30))
            #expect(try rows.map { try $0[0].decode(as: Int64.self) } == numbers)
            #expect(try rows.map { try $0[1].decode(as: String.self) } == texts)
            let back = try await pool.query("SELECT \(numbers), \(texts)", deadline: .seconds(30))
            #expect(try back.decode(0, 0, as: [Int64].self) == numbers)
            #expect(try back.decode(0, 1, as: [String].self) == texts)
        }
    }

    @Test func textColumnsLendTheirBytes() async throws {
        try await withPool { pool async throws in
            let rows = try await pool.query("SELECT \("月"), NULL::text, '{\"a\":1}'::jsonb, 'x'::name, 7::oid")
            #expect(rows.withBytes(0, 0) { $0.map(Array.init) } == [0xe6, 0x9c, 0x88])
            #expect(rows[0][1].isNull)
            #expect(rows.withBytes(0, 1) { $0 == nil })
            #expect(try rows[0][2].decode() == "{\"a\": 1}")
            #expect(try rows[0][3].decode() == "x")
            #expect(try rows[0][4].decode() == Int64(7))
        }
    }

    @Test func readingAsAnotherTypeIsAnErrorNotATrap() async throws {
        try await withPool { pool async throws in
            let rows = try await pool.query(
                "SELECT 'a'::text AS name, NULL::bigint, 70000, ARRAY[[1],[2]], ARRAY[1, NULL], 1.5::numeric")
            #expect(await failure { try rows[0][0].decode(as: Int64.self) }?.kind == .usage)
            #expect(await failure { try rows[0][0].decode(as: Int64.self) }?.message.contains("name") == true)
            #expect(await failure { try rows[0][1].decode(as: Int64.self) }?.kind == .usage)
            #expect(await failure { try rows[0][2].decode(as: Int16.self) }?.kind == .usage)
            #expect(await failure { try rows[0][3].decode(as: [Int32].self) }?.kind == .usage)
            #expect(await failure { try rows[0][4].decode(as: [Int32].self) }?.kind == .usage)
            #expect(await failure { try rows[0][5].decode(as: String.self) }?.kind == .usage)
        }
    }

    @Test(arguments: [
        ("00000000-0000-4000-8000-000000000001", true), ("ABCDEF01-2345-6789-ABCD-EF0123456789", true), ("", false),
        ("00000000-0000-4000-8000-00000000000", false), ("00000000-0000-4000-8000-0000000000011", false),
        ("{0000000-0000-4000-8000-000000000001", false), ("00000000_0000-4000-8000-000000000001", false),
        ("0000000g-0000-4000-8000-000000000001", false),
    ])
    func uuidTexts(text: String, valid: Bool) {
        #expect(PostgresUUID(text)?.description == (valid ? text.lowercased() : nil))
    }

    @Test func randomUUIDsSayVersion4() {
        let text = Array(PostgresUUID.random().description)
        #expect(text[14] == "4")
        #expect("89ab".contains(text[19]))
    }

    @Test func interpolationBindsAndNeverPastes() async throws {
        let evil = "x' OR '1'='1"
        let query: PostgresQuery = "SELECT \(evil) AS \(unsafeSQL: "\"name\"")"
        #expect(query.sql == "SELECT $1 AS \"name\"")
        try await withPool { pool async throws in
            let rows = try await pool.query(query)
            #expect(try rows.decode(0, rows.column(named: "name") ?? -1) == evil)
        }
    }

    @Test func copiesOfParametersDoNotShareWhatIsAddedLater() async throws {
        var first: PostgresParameters = [Int64(1)]
        var second = first
        first.append("a")
        second.append("b")
        let both = PostgresStatement("SELECT $1, $2")
        try await withPool { pool async throws in
            #expect(try await pool.execute(both, first).decode(0, 1) == "a")
            #expect(try await pool.execute(both, second).decode(0, 1) == "b")
        }
    }
}

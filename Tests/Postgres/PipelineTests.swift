import EverlinePostgres
import Testing

@Suite struct PipelineTests {
    @Test func oneCallsErrorDoesNotTouchItsNeighbours() async throws {
        try await withConnection { connection async throws in
            let answers = await connection.pipeline((0..<100).map { "SELECT 100 / \(Int64($0 % 5))" })
            for (index, answer) in answers.enumerated() {
                switch answer {
                case .success(let rows): #expect(try rows.decode(0, 0) == Int64(100 / (index % 5)))
                case .failure(let error):
                    #expect(index % 5 == 0)
                    #expect(error.sqlState == "22012")
                }
            }
        }
    }

    @Test func manyCallersShareOneConnection() async throws {
        try await withConnection(PostgresServer.shared.configuration(inFlight: 2000)) { connection async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<50 {
                    group.addTask { () async throws in
                        for round in 0..<20 {
                            let number = Int64(caller * 1000 + round)
                            if number % 7 == 0 {
                                #expect(await failure { try await connection.query("SELECT \(number) / 0") }?.sqlState == "22012")
                            } else {
                                #expect(try await connection.query("SELECT \(number), \("月\(number)")").decode(0, 0) == number)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func callsRunInTheOrderTheyWereMade() async throws {
        try await withConnection { connection async throws in
            try await connection.query("CREATE TEMPORARY TABLE turns (turn bigint GENERATED ALWAYS AS IDENTITY, n bigint)")
            _ = await connection.pipeline((0..<200).map { "INSERT INTO turns (n) VALUES (\(Int64($0)))" })
            #expect(
                try await connection.query("SELECT n FROM turns ORDER BY turn").map { try $0[0].decode() }
                    == (0..<200).map { Int64($0) })
        }
    }

    @Test func aStatementIsPreparedOnceAConnection() async throws {
        try await withConnection { connection async throws in
            let statement = PostgresStatement("SELECT $1 AS once")
            for number in 0..<5 {
                #expect(try await connection.execute(statement, [Int64(number)]).decode(0, 0) == Int64(number))
            }
            // Another parameter type is another statement.
            #expect(try await connection.execute(statement, ["a"]).decode(0, 0) == "a")
            // Unsafe texts are not kept.
            for number in 0..<5 { try await connection.query("SELECT \(unsafeSQL: "\(number)") AS once") }
            let kept = try await connection.query("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '% AS once'")
            #expect(kept.count == 2)
        }
    }

    @Test func largeRequestsAndAnswersPassEachOther() async throws {
        try await withConnection { connection async throws in
            let large = String(repeating: "霜", count: 500_000)
            let answers = await connection.pipeline(
                (0..<12).map { _ in "SELECT \(large), repeat('x', 1000000)" }, deadline: .seconds(60))
            for answer in answers {
                #expect(try answer.get().decode(0, 0, as: String.self) == large)
                #expect(try answer.get().decode(0, 1, as: String.self).utf8.count == 1_000_000)
            }
        }
    }

    @Test func noticesDoNotDisturbTheAnswers() async throws {
        try await withConnection { connection async throws in
            let answers = await connection.pipeline(["DO $$BEGIN RAISE NOTICE 'hello'; RAISE WARNING 'there'; END$$", "SELECT 1"])
            #expect(try answers[1].get().count == 1)
        }
    }
}

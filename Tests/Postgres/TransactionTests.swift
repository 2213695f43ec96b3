import EverlinePostgres
import Testing

@Suite struct TransactionTests {
    private struct Refused: Error {}

    @Test func commitsWhenTheBodyReturnsAndRollsBackWhenItThrows() async throws {
        try await withPool(connections: 2) { pool async throws in
            try await pool.query("CREATE TABLE transaction_notes (n bigint)")
            try await pool.withTransaction { try await $0.query("INSERT INTO transaction_notes VALUES (1)") }
            await #expect(throws: Refused.self) {
                try await pool.withTransaction { connection async throws in
                    try await connection.query("INSERT INTO transaction_notes VALUES (2)")
                    throw Refused()
                }
            }
            // The server's refusal inside of it, swallowed by the body: COMMIT rolls back, and that is an error.
            let error = await failure {
                try await pool.withTransaction { connection async throws in
                    try await connection.query("INSERT INTO transaction_notes VALUES (3)")
                    _ = await failure { try await connection.query("SELECT 1 / 0") }
                }
            }
            #expect(error?.sqlState == .inFailedTransaction)
            #expect(try await pool.query("SELECT n FROM transaction_notes").map { try $0[0].decode() } == [Int64(1)])
            try await pool.query("DROP TABLE transaction_notes")
        }
    }

    @Test func rollsBackWhenTheTaskIsCancelled() async throws {
        try await withPool(connections: 1) { pool async throws in
            try await pool.query("CREATE TABLE transaction_cancelled (n bigint)")
            let task = Task {
                try await pool.withTransaction { connection async throws in
                    try await connection.query("INSERT INTO transaction_cancelled VALUES (1)")
                    try await connection.query("SELECT pg_sleep(61)", deadline: .seconds(60))
                }
            }
            try await withConnection { other async throws in
                #expect(
                    try await eventually {
                        try await other.query("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(61)'").count == 1
                    })
            }
            task.cancel()
            #expect(await failure { try await task.value }?.kind == .cancelled)
            #expect(try await pool.query("SELECT count(*) FROM transaction_cancelled").decode(0, 0) == Int64(0))
            try await pool.query("DROP TABLE transaction_cancelled")
        }
    }

    @Test func aReadOnlySnapshotSeesOneMomentAndWritesNothing() async throws {
        try await withPool { pool async throws in
            try await pool.query("CREATE TABLE transaction_moment (n bigint)")
            let count: PostgresQuery = "SELECT count(*) FROM transaction_moment"
            try await pool.withTransaction(.readOnlySnapshot) { connection async throws in
                #expect(try await connection.query(count).decode(0, 0) == Int64(0))
                try await pool.query("INSERT INTO transaction_moment VALUES (1)")
                #expect(try await connection.query(count).decode(0, 0) == Int64(0))
            }
            let error = await failure {
                try await pool.withTransaction(.readOnlySnapshot) {
                    try await $0.query("INSERT INTO transaction_moment VALUES (2)")
                }
            }
            #expect(error?.sqlState == .readOnlyTransaction)
            try await pool.query("DROP TABLE transaction_moment")
        }
    }

    @Test func aLoanThatEndsInsideATransactionClosesTheConnection() async throws {
        try await withPool(connections: 1) { pool async throws in
            let first = try await pool.withConnection { connection async throws in
                try await connection.query("BEGIN")
                return await connection.backendPID
            }
            #expect(try await pool.query("SELECT pg_backend_pid()").decode(0, 0) != first)
        }
    }

    @Test func aBatchInOneTransactionTakesEffectAsAWholeOrNot() async throws {
        try await withConnection { connection async throws in
            try await connection.query("CREATE TEMPORARY TABLE wholes (n bigint PRIMARY KEY)")
            let error = await failure {
                try await connection.pipelineAtomically([
                    "INSERT INTO wholes VALUES (1)", "INSERT INTO wholes VALUES (1)", "SELECT 1",
                ])
            }
            #expect(error?.sqlState == .uniqueViolation)
            let rows = try await connection.pipelineAtomically(["INSERT INTO wholes VALUES (2)", "SELECT n FROM wholes"])
            #expect(try rows[1].map { try $0[0].decode() } == [Int64(2)])
        }
    }

    @Test func scriptsOfSeveralStatementsAreOneTransaction() async throws {
        try await withConnection { connection async throws in
            try await connection.executeScript(
                unsafeSQL: "CREATE TEMPORARY TABLE one (n int); INSERT INTO one VALUES (1), (2); SELECT * FROM one;",
                deadline: .seconds(5))
            let error = await failure {
                try await connection.executeScript(
                    unsafeSQL: "INSERT INTO one VALUES (3); SELECT 1 / 0; INSERT INTO one VALUES (4)", deadline: .seconds(5))
            }
            #expect(error?.sqlState == "22012")
            // Back in pipeline mode, and calls may queue behind a script.
            async let slow: Void = connection.executeScript(unsafeSQL: "SELECT pg_sleep(0.5)", deadline: .seconds(30))
            #expect(try await eventually { await connection.load > 0 })
            async let count = connection.query("SELECT count(*) FROM one")
            #expect(try await count.decode(0, 0) == Int64(2))
            try await slow
            #expect(
                await failure {
                    try await connection.executeScript(unsafeSQL: "SELECT pg_sleep(60)", deadline: .milliseconds(100))
                }?.kind == .deadline)
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }
}

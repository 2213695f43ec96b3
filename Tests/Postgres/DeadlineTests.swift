import EverlinePostgres
import Testing

@Suite struct DeadlineTests {
    @Test func pastItsDeadlineACallIsCancelledAndTheConnectionServesOn() async throws {
        try await withConnection { connection async throws in
            let pid = await connection.backendPID
            let started = PostgresDeadline.now
            let error = await failure { try await connection.query("SELECT pg_sleep(60)", deadline: .milliseconds(100)) }
            #expect(error?.kind == .deadline)
            #expect(PostgresDeadline.now < started + .seconds(50))
            #expect(try await connection.query("SELECT pg_backend_pid()").decode(0, 0) == pid)
        }
    }

    @Test func cancellingTheTaskCancelsTheStatement() async throws {
        try await withConnection { connection async throws in
            let task = Task { try await connection.query("SELECT pg_sleep(61)", deadline: .seconds(60)) }
            try await withConnection { other async throws in
                #expect(
                    try await eventually {
                        try await other.query("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(61)'").count == 1
                    })
            }
            task.cancel()
            #expect(await failure { try await task.value }?.kind == .cancelled)
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }

    /// What stands behind a slow call is not run before it; the slow one's cancellation does not hit it.
    @Test func aNeighbourOutlivesTheCancellation() async throws {
        try await withConnection { connection async throws in
            async let slow = failure { try await connection.query("SELECT pg_sleep(60)", deadline: .seconds(2)) }
            #expect(try await eventually { await connection.load == 1 })
            async let quick = connection.query("SELECT 5", deadline: .seconds(30))
            #expect(await slow?.kind == .deadline)
            #expect(try await quick.decode(0, 0) == Int64(5))
        }
    }

    @Test func behindASlowCallTheOutcomeIsUnknown() async throws {
        try await withConnection { connection async throws in
            async let slow = connection.query("SELECT pg_sleep(2)", deadline: .seconds(30))
            #expect(try await eventually { await connection.load == 1 })
            let error = await failure { try await connection.query("SELECT 1", deadline: .milliseconds(100)) }
            #expect(error?.kind == .outcomeUnknown)
            #expect(try await slow.count == 1)
            #expect(try await connection.query("SELECT 2").count == 1)
        }
    }

    @Test func anAppendIsNeverCancelled() async throws {
        try await withPool { pool async throws in
            try await pool.query("CREATE TABLE deadline_appends (n bigint)")
            let append = PostgresStatement(
                "WITH slow AS MATERIALIZED (SELECT pg_sleep(2)) INSERT INTO deadline_appends SELECT $1 FROM slow")
            try await withConnection { connection async throws in
                let error = await failure {
                    try await connection.execute(append, [Int64(1)], deadline: .milliseconds(100), neverCancel: true)
                }
                #expect(error?.kind == .outcomeUnknown)
                #expect(await connection.isOpen == false)
            }
            // Nobody waited for it, and it has taken effect all the same.
            #expect(try await eventually { try await pool.query("SELECT 1 FROM deadline_appends WHERE n = 1").count == 1 })
            // Neither by its task.
            let task = Task { try await pool.execute(append, [Int64(2)], neverCancel: true) }
            #expect(
                try await eventually {
                    try await pool.query(
                        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%deadline_appends%'"
                    )
                    .count == 1
                })
            task.cancel()
            #expect(try await task.value.affected == 1)
            try await pool.query("DROP TABLE deadline_appends")
        }
    }

    /// A cancel request hits whatever runs when it arrives, so none is made while an append is on the connection.
    @Test func noCancellationIsSentWhileAnAppendIsInFlight() async throws {
        try await withConnection { connection async throws in
            async let slow = failure { try await connection.query("SELECT pg_sleep(4)", deadline: .seconds(2)) }
            #expect(try await eventually { await connection.load == 1 })
            async let append = connection.query("SELECT 3", deadline: .seconds(30), neverCancel: true)
            #expect(await slow?.kind == .outcomeUnknown)
            #expect(try await append.decode(0, 0) == Int64(3))
        }
    }

    @Test func tooManyCallsOnOneConnectionAreRefusedAtOnce() async throws {
        try await withConnection { other async throws in
            try await withConnection(PostgresServer.shared.configuration(inFlight: 2)) { connection async throws in
                // Whichever of the two is sent first waits for a lock that the other connection holds.
                try await other.query("SELECT pg_advisory_lock(2)")
                async let first = connection.query("SELECT pg_advisory_xact_lock(2)", deadline: .seconds(60))
                async let second = connection.query("SELECT pg_advisory_xact_lock(2)", deadline: .seconds(60))
                #expect(try await eventually { await connection.load == 2 })
                #expect(await failure { try await connection.query("SELECT 3") }?.kind == .overloaded)
                try await other.query("SELECT pg_advisory_unlock(2)")
                #expect(try await (first.count, second.count) == (1, 1))
            }
        }
    }

    @Test func aDeadlineFarAwayAndOneLongPast() async throws {
        try await withConnection(PostgresServer.shared.configuration(cancelGrace: .seconds(20))) { connection async throws in
            #expect(try await connection.query("SELECT 1", deadline: .after(.seconds(Int64.max))).count == 1)
            #expect(
                await failure { try await connection.query("SELECT pg_sleep(60)", deadline: PostgresDeadline(nanoseconds: 0)) }
                    != nil)
            #expect(try await eventually { try await connection.query("SELECT 1").count == 1 })
        }
    }
}

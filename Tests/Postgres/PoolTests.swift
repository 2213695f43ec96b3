import EverlinePostgres
import Synchronization
import Testing

@Suite struct PoolTests {
    @Test func opensNoMoreConnectionsThanItMay() async throws {
        try await withPool(connections: 3, waiting: 1000) { pool async throws in
            let pids = try await withThrowingTaskGroup(of: Int32.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await pool.query("SELECT pg_backend_pid(), pg_sleep(0.002)", deadline: .seconds(30)).decode(0, 0)
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(pids.count == 3)
            let load = await pool.load
            #expect(load == (open: 3, idle: 3, waiting: 0))
        }
    }

    @Test func waitersHaveDeadlinesAndTheLineHasABound() async throws {
        try await withPool(connections: 1, waiting: 2) { pool async throws in
            try await pool.withConnection { _ async throws in
                let waiting = (0..<2).map { _ in Task { try await pool.query("SELECT 1", deadline: .seconds(60)) } }
                #expect(try await eventually { await pool.load.waiting == 2 })
                let refused = await failure { try await pool.query("SELECT 3", deadline: .seconds(60)) }
                #expect(refused?.kind == .overloaded)
                #expect(refused?.isRetryable == true)
                for task in waiting {
                    task.cancel()
                    #expect(await failure { try await task.value }?.kind == .cancelled)
                }
                #expect(await failure { try await pool.query("SELECT 4", deadline: .milliseconds(300)) }?.kind == .deadline)
            }
        }
    }

    @Test func aWaiterWhoseTaskIsCancelledLeavesTheLine() async throws {
        try await withPool(connections: 1) { pool async throws in
            try await pool.withConnection { _ async throws in
                let task = Task { try await pool.query("SELECT 1", deadline: .seconds(30)) }
                #expect(try await eventually { await pool.load.waiting == 1 })
                task.cancel()
                #expect(await failure { try await task.value }?.kind == .cancelled)
                #expect(await pool.load.waiting == 0)
            }
            #expect(try await pool.query("SELECT 1").count == 1)
        }
    }

    @Test func eachNewConnectionIsShownToItsOwnerFirst() async throws {
        let seen = Mutex(0)
        let configuration = PostgresServer.shared.configuration(connections: 1) { connection async throws in
            try await connection.query("SET application_name = 'greeted'")
            let turn = seen.withLock { seen in
                seen += 1
                return seen
            }
            if turn == 1 { throw PostgresError(.notExecuted, "not yet") }
        }
        let pool = PostgresPool(configuration: configuration, logger: logger)
        #expect(try await pool.query("SHOW application_name").decode(0, 0) == "greeted")
        #expect(seen.withLock { $0 } == 2)
        await pool.shutdown()
    }

    @Test func afterShutdownNothingIsAccepted() async throws {
        let pool = PostgresPool(configuration: PostgresServer.shared.configuration(connections: 1), logger: logger)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let lent = Task {
            try await pool.withConnection { connection in
                for await _ in gate {}
                return try await connection.query("SELECT 1").count
            }
        }
        #expect(try await eventually { await pool.load == (open: 1, idle: 0, waiting: 0) })
        async let waiting = failure { try await pool.query("SELECT 1", deadline: .seconds(60)) }
        #expect(try await eventually { await pool.load.waiting == 1 })
        async let shutdown: Void = pool.shutdown(deadline: .seconds(60))
        #expect(await waiting?.kind == .closed)
        open.finish()
        #expect(try await lent.value == 1, "what was lent may end")
        await shutdown
        #expect(await failure { try await pool.query("SELECT 1") }?.kind == .closed)
        #expect(await pool.load.open == 0)
    }
}

import EverlinePostgres
import Testing

@Suite struct ErrorTests {
    @Test(arguments: [
        ("SELEC 1", SQLState.syntaxError), ("SELECT * FROM nowhere", .undefinedTable), ("SELECT 1 / 0", "22012"),
        ("SELECT nothing()", .undefinedFunction), ("SELECT * FROM pg_authid", .insufficientPrivilege),
        ("DO $$BEGIN RAISE EXCEPTION 'another epoch' USING ERRCODE = 'EV002'; END$$", "EV002"),
    ])
    func theServersRefusalHasItsState(sql: String, state: SQLState) async throws {
        try await withConnection { connection async throws in
            let error = await failure { try await connection.execute(PostgresStatement(unsafeSQL: sql, prepared: true)) }
            #expect(error?.kind == .server)
            #expect(error?.sqlState == state)
            #expect(error?.isRetryable == false)
            // Refused, not broken; and a statement that could not be prepared can be tried again.
            #expect(
                await failure { try await connection.execute(PostgresStatement(unsafeSQL: sql, prepared: true)) }?.sqlState
                    == state)
            #expect(try await connection.query("SELECT 7").decode(0, 0) == Int64(7))
        }
    }

    @Test func aViolationNamesItsConstraint() async throws {
        try await withConnection { connection async throws in
            try await connection.query("CREATE TEMPORARY TABLE names (name text CONSTRAINT one_of_each UNIQUE)")
            let insert = PostgresStatement("INSERT INTO names VALUES ($1)")
            #expect(try await connection.execute(insert, ["李白"]).affected == 1)
            let error = await failure { try await connection.execute(insert, ["李白"]) }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.constraint == "one_of_each")
            #expect(error?.table == "names")
            #expect(error?.detail?.contains("李白") == true)
            #expect(error.map { "\($0)".contains("李白") } == false, "values of rows do not belong into a log")
            #expect(error?.sqlState?.isAboutOneRow == true)
        }
    }

    /// Also from inside a function, as the appends raise it: the number's own constraint is told from the clientId's.
    @Test func aViolationInAFunctionNamesItsConstraintToo() async throws {
        try await withConnection { connection async throws in
            try await connection.query("CREATE TEMPORARY TABLE numbered (n bigint PRIMARY KEY, client text UNIQUE)")
            try await connection.query(
                """
                CREATE FUNCTION pg_temp.put(n bigint, client text) RETURNS bigint LANGUAGE plpgsql AS
                $$BEGIN INSERT INTO numbered VALUES (n, client); RETURN n; END$$
                """)
            #expect(try await connection.query("SELECT pg_temp.put(1, 'a')").count == 1)
            for (n, client, constraint) in [(1, "b", "numbered_pkey"), (2, "a", "numbered_client_key")] {
                let error = await failure { try await connection.query("SELECT pg_temp.put(\(Int64(n)), \(client))") }
                #expect(error?.sqlState == .uniqueViolation && error?.constraint == constraint)
            }
        }
    }

    /// A cancellation from outside (pg_cancel_backend) rolled the call back, so it may simply be made again.
    @Test func anothersCancellationOfAnAppendIsRetryable() async throws {
        try await withConnection { connection async throws in
            let pid = await connection.backendPID
            async let append = failure {
                try await connection.query("SELECT pg_sleep(60)", deadline: .seconds(60), neverCancel: true)
            }
            try await withConnection { other async throws in
                #expect(
                    try await eventually {
                        try await other.query(
                            "SELECT 1 FROM pg_stat_activity WHERE pid = \(pid) AND wait_event = 'PgSleep'"
                        ).count == 1
                    })
                try await other.query("SELECT pg_cancel_backend(\(pid))")
            }
            let error = await append
            #expect(error?.kind == .notExecuted && error?.sqlState == .queryCanceled)
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }

    /// What the connection itself is at fault for may be tried again, on another one.
    @Test(arguments: [true, false]) func aConnectionThatWillNotDoIsReplaced(shared: Bool) async throws {
        let configuration = PostgresServer.shared.configuration(connections: 1)
        let pool = PostgresPool(configuration: configuration, logger: logger)
        let session = PostgresSession(configuration, logger: logger)
        func query(_ query: PostgresQuery) async throws -> PostgresRows {
            shared ? try await session.query(query) : try await pool.query(query)
        }
        let table = "stale_\(shared)"
        func run(_ sql: String) async throws -> PostgresRows {
            try await query(PostgresQuery(PostgresStatement(unsafeSQL: sql, prepared: true)))
        }
        _ = try await run("CREATE TABLE \(table) (n bigint)")
        _ = try await run("INSERT INTO \(table) VALUES (1)")
        let first: Int32 = try await query("SELECT pg_backend_pid()").decode(0, 0)
        #expect(try await run("SELECT * FROM \(table)").decode(0, 0) == Int64(1))
        _ = try await run("ALTER TABLE \(table) ADD COLUMN m bigint")
        let stale = await failure { try await run("SELECT * FROM \(table)") }
        #expect(stale?.sqlState == .featureNotSupported && stale?.isRetryable == true)
        #expect(try await run("SELECT * FROM \(table)").count == 1)
        let second: Int32 = try await query("SELECT pg_backend_pid()").decode(0, 0)
        #expect(second != first)
        // A server that was closed to writers.
        _ = try await run("SET default_transaction_read_only = on")
        let closed = await failure { try await run("INSERT INTO \(table) VALUES (2)") }
        #expect(closed?.sqlState == .readOnlyTransaction && closed?.isRetryable == true)
        #expect(try await run("INSERT INTO \(table) VALUES (3)").affected == 1)
        #expect(try await query("SELECT pg_backend_pid()").decode(0, 0) != second)
        _ = try await run("DROP TABLE \(table)")
        await pool.shutdown()
        await session.shutdown()
    }

    /// One call's trouble with the connection does not make its neighbours' outcome unknown.
    @Test func whatIsInFlightOnAConnectionThatIsReplacedIsAnswered() async throws {
        try await withConnection { connection async throws in
            try await connection.query("SET default_transaction_read_only = on")
            let answers = await connection.pipeline(["SELECT 1", "CREATE TABLE never (n int)", "SELECT 2"])
            #expect(try answers[0].get().count == 1)
            #expect(throws: PostgresError.self) { try answers[1].get() }
            #expect(try answers[2].get().count == 1)
            #expect(await connection.isOpen == false)
            let late = await failure { try await connection.query("SELECT 3") }
            #expect(late?.kind == .notExecuted)
        }
    }

    /// The answer waits for the commit: a constraint that is checked there fails the call, not the next one.
    @Test func aFailureAtTheCommitIsTheCallsOwn() async throws {
        try await withConnection { connection async throws in
            try await connection.query("CREATE TEMPORARY TABLE late (n bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            let answers = await connection.pipeline([
                "INSERT INTO late VALUES (1)", "INSERT INTO late VALUES (1)", "SELECT count(*) FROM late",
            ])
            #expect((try? answers[0].get())?.affected == 1)
            #expect(throws: PostgresError.self) { try answers[1].get() }
            #expect(try answers[2].get().decode(0, 0) == Int64(1))
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }

    @Test func aZeroByteIsRefusedByTheServerAlone() async throws {
        try await withConnection { connection async throws in
            #expect(await failure { try await connection.query("SELECT \("a\0b")") }?.sqlState == "22021")
            #expect(try await connection.query("SELECT \("ab")").decode(0, 0) == "ab")
        }
    }

    @Test func copyAndTooManyParametersAreMistakesOfTheProgram() async throws {
        try await withConnection { connection async throws in
            var parameters = PostgresParameters()
            for _ in 0..<65_536 { parameters.append(true) }
            #expect(await failure { try await connection.execute(PostgresStatement("SELECT 1"), parameters) }?.kind == .usage)
            #expect(await connection.isOpen)
            #expect(await failure { try await connection.query("COPY (SELECT 1) TO STDOUT") } != nil)
        }
    }

    @Test(arguments: [
        (PostgresError(.server, "", sqlState: .serializationFailure), true),
        (PostgresError(.server, "", sqlState: .deadlockDetected), true),
        (PostgresError(.server, "", sqlState: .diskFull), true), (PostgresError(.server, "", sqlState: .cannotConnectNow), true),
        (PostgresError(.server, "", sqlState: .readOnlyTransaction), true), (PostgresError(.server, "", sqlState: "08006"), true),
        (PostgresError(.server, "", sqlState: "57P04"), true), (PostgresError(.server, "", sqlState: "57P05"), true),
        (PostgresError(.server, "", sqlState: "58030"), true), (PostgresError(.server, "", sqlState: .lockNotAvailable), true),
        (PostgresError(.server, "", sqlState: .outOfMemory), true), (PostgresError(.server, "", sqlState: .adminShutdown), true),
        (PostgresError(.server, "", sqlState: .queryCanceled), false),
        (PostgresError(.server, "", sqlState: .featureNotSupported), false),
        (PostgresError(.server, "", sqlState: .uniqueViolation), false), (PostgresError(.outcomeUnknown, ""), false),
        (PostgresError(.notExecuted, ""), true), (PostgresError(.overloaded, ""), true), (PostgresError(.deadline, ""), true),
        (PostgresError(.closed, ""), false), (PostgresError(.usage, ""), false),
    ])
    func onlyWhatDoesNoHarmIsRetryable(error: PostgresError, retryable: Bool) {
        #expect(error.isRetryable == retryable)
    }
}

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
        (PostgresError(.server, "", sqlState: .uniqueViolation), false), (PostgresError(.outcomeUnknown, ""), false),
        (PostgresError(.notExecuted, ""), true), (PostgresError(.overloaded, ""), true), (PostgresError(.deadline, ""), true),
        (PostgresError(.closed, ""), false), (PostgresError(.usage, ""), false),
    ])
    func onlyWhatDoesNoHarmIsRetryable(error: PostgresError, retryable: Bool) {
        #expect(error.isRetryable == retryable)
    }
}

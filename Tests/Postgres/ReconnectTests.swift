import EverlinePostgres
import Foundation
import Synchronization
import Testing

@Suite struct ReconnectTests {
    @Test func aTerminatedConnectionIsReplaced() async throws {
        try await withPool(connections: 1) { pool async throws in
            let first: Int32 = try await pool.query("SELECT pg_backend_pid()").decode(0, 0)
            try await withConnection { try await $0.query("SELECT pg_terminate_backend(\(first))") }
            #expect(try await eventually { await pool.load.open == 0 }, "its end is noticed while it is idle")
            #expect(try await pool.query("SELECT pg_backend_pid()").decode(0, 0) != first)
        }
    }

    @Test func whatWasSentToALostConnectionHasAnUnknownOutcome() async throws {
        let session = PostgresSession(PostgresServer.shared.configuration(), logger: logger)
        let first: Int32 = try await session.query("SELECT pg_backend_pid()").decode(0, 0)
        async let lost = failure { try await session.query("SELECT pg_sleep(60)", deadline: .seconds(30), neverCancel: true) }
        async let behind = failure { try await session.query("SELECT 1", deadline: .seconds(30)) }
        try await withConnection { other async throws in
            #expect(
                try await eventually {
                    try await other.query("SELECT 1 FROM pg_stat_activity WHERE pid = \(first) AND wait_event = 'PgSleep'").count
                        == 1
                })
            try await other.query("SELECT pg_terminate_backend(\(first))")
        }
        let error = await lost
        #expect(error?.kind == .outcomeUnknown)
        #expect(error?.sqlState == .adminShutdown)
        #expect(error?.isRetryable == false)
        // Depending on which was sent first.
        let second = await behind
        #expect(second == nil || second?.kind == .outcomeUnknown)
        #expect(try await session.query("SELECT pg_backend_pid()").decode(0, 0) != first)
        await session.shutdown()
        #expect(await failure { try await session.query("SELECT 1") }?.kind == .closed)
    }

    @Test(.timeLimit(.minutes(2))) func aServerThatStopsAndComesBack() async throws {
        let server = await aside { PostgresServer() }
        try await withPool(connections: 2, server) { pool async throws in
            let session = PostgresSession(server.configuration(), logger: logger)
            #expect(try await pool.query("SELECT 1").count == 1)
            #expect(try await session.query("SELECT 1").count == 1)
            await aside { server.stop() }
            let error = await failure { try await pool.query("SELECT 2", deadline: .milliseconds(500)) }
            #expect(error?.isRetryable == true)
            #expect(error?.message.contains("cannot connect") == true, "the reason is told: \(error?.message ?? "")")
            // Nobody is kept until a deadline that is far off.
            let hour = await failure { try await session.query("SELECT 2", deadline: .seconds(3_600)) }
            #expect(hour?.isRetryable == true)
            await aside { server.start() }
            #expect(await returns { try await pool.query("SELECT 3").count == 1 })
            #expect(await returns { try await session.query("SELECT 3").count == 1 })
            await session.shutdown()
        }
        await aside { server.stop() }
    }

    @Test func aDeadFirstHostIsPassedOver() async throws {
        let server = PostgresServer.shared
        let dead = PostgresServer.freePort()
        var configuration = server.configuration()
        configuration.conninfo =
            server.conninfo(host: "127.0.0.1,127.0.0.1", port: "\(dead),\(server.port)") + " target_session_attrs=read-write"
        try await withConnection(configuration) { connection async throws in
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }

    /// Unless a standby will do, none is taken, whatever the connection string says; and a lost connection is told of.
    @Test(.timeLimit(.minutes(2))) func aStandbyIsNoPrimary() async throws {
        let server = await aside { PostgresServer() }
        let losses = Mutex(0)
        var configuration = server.configuration(connections: 1)
        configuration.onDisconnect = { losses.withLock { $0 += 1 } }
        let writing = PostgresPool(configuration: configuration, logger: logger)
        configuration.target = .any
        let reading = PostgresPool(configuration: configuration, logger: logger)
        #expect(try await writing.query("SELECT 1").count == 1)
        #expect(losses.withLock { $0 } == 0)
        await aside { server.stop() }
        #expect(try await eventually { losses.withLock { $0 } == 1 })
        await aside { server.startAsStandby() }
        #expect(await returns { try await reading.query("SELECT pg_is_in_recovery()").decode(0, 0) })
        let refused = await failure { try await writing.query("SELECT 1") }
        #expect(refused?.isRetryable == true)
        #expect(refused?.message.contains("read-only") == true, "\(refused?.message ?? "")")
        configuration.target = .readWrite
        configuration.conninfo += " target_session_attrs=any"
        let insisting = await failure { try await withConnection(configuration) { _ in } }
        #expect(insisting?.kind == .notExecuted && insisting?.message.contains("standby") == true)
        // A string may ask for something else.
        configuration.target = .any
        configuration.conninfo = server.conninfo() + " target_session_attrs=primary"
        #expect(await failure { try await withConnection(configuration) { _ in } }?.kind == .notExecuted)
        await aside { server.promote() }
        #expect(await returns { try await writing.query("SELECT NOT pg_is_in_recovery()").decode(0, 0) })
        await writing.shutdown()
        await reading.shutdown()
        await aside { server.stop() }
    }

    /// The server swallows cancel requests: a few threads wait for it, the other connections are given up.
    @Test func cancelRequestsThatAreSwallowedAreFew() async throws {
        let server = PostgresServer.shared
        let proxy = SwallowingProxy(to: server.port)
        var configuration = server.configuration(cancelGrace: .seconds(30))
        configuration.conninfo = server.conninfo(port: "\(proxy.port)")
        configuration.cancelRequests = 2
        let tasks = try await withThrowingTaskGroup(of: Task<PostgresError?, Never>.self) { group in
            for _ in 0..<5 {
                group.addTask { [configuration] in
                    let connection = try await PostgresConnection.connect(configuration, logger: logger)
                    return Task {
                        await failure { try await connection.query("SELECT pg_sleep(62)", deadline: .seconds(60)) }
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try await withConnection { other async throws in
            #expect(
                try await eventually {
                    try await other.query("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(62)'").count == 5
                })
        }
        proxy.swallow()
        let given = Mutex(0)
        let look: @Sendable (PostgresError?) -> Void = { error in
            guard error?.kind == .outcomeUnknown, error?.message.contains("too many cancel requests") == true else { return }
            given.withLock { $0 += 1 }
        }
        for task in tasks {
            task.cancel()
            Task { look(await task.value) }
        }
        #expect(try await eventually { given.withLock { $0 } >= 3 })
        proxy.end()
        for task in tasks { #expect(await task.value?.kind == .outcomeUnknown) }
        #expect(given.withLock { $0 } >= 3)
    }

    @Test func certificatesAreVerified() async throws {
        let server = PostgresServer.shared
        var configuration = server.configuration()
        configuration.conninfo = server.conninfo(ca: server.otherCAFile)
        let wrong = await failure { try await withConnection(configuration) { _ in } }
        #expect(wrong?.kind == .notExecuted)
        #expect(wrong?.message.contains("certificate verify failed") == true)
        configuration.conninfo = server.conninfo(host: "localhost")
        try await withConnection(configuration) { connection async throws in
            #expect(
                try await connection.query("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").decode(0, 0)
                    == "TLSv1.3")
        }
        // The server refuses to speak without TLS.
        configuration.conninfo = server.conninfo().replacing("verify-full", with: "disable")
        #expect(
            await failure { try await withConnection(configuration) { _ in } }?.message.contains("no pg_hba.conf entry") == true)
    }

    @Test func thePasswordIsReadAnewForEachConnection() async throws {
        let server = PostgresServer.shared
        let file = server.folder + "/password-\(UUID().uuidString)"
        try "wrong\n".write(toFile: file, atomically: true, encoding: .utf8)
        var configuration = server.configuration()
        configuration.passwordFile = file
        let refused = await failure { try await withConnection(configuration) { _ in } }
        #expect(refused?.message.contains("password authentication failed") == true)
        #expect(refused?.message.contains("wrong") == false)
        let right = try String(contentsOfFile: server.passwordFile, encoding: .utf8)
        try (right + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        try await withConnection(configuration) { connection async throws in
            #expect(try await connection.query("SELECT 1").count == 1)
        }
        configuration.passwordFile = file + "-nowhere"
        #expect(
            await failure { try await withConnection(configuration) { _ in } }?.message.contains("cannot read the password file")
                == true)
    }

    /// A host that accepts and never answers.
    @Test func connectingHasADeadline() async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, length)
                _ = getsockname(listener, $0, &length)
            }
        }
        listen(listener, 8)
        var configuration = PostgresServer.shared.configuration()
        configuration.conninfo = PostgresServer.shared.conninfo(port: "\(UInt16(bigEndian: address.sin_port))")
        // Its own deadline, and not libpq's much later one, is what it says.
        let given = await failure {
            try await PostgresConnection.connect(configuration, logger: logger, deadline: .milliseconds(200))
        }
        #expect(given?.kind == .notExecuted && given?.message == "no connection by the deadline")
        // And beside a second host that answers, the connection is made all the same.
        configuration.connectTimeout = .seconds(2)
        configuration.conninfo = PostgresServer.shared.conninfo(
            host: "127.0.0.1,127.0.0.1", port: "\(UInt16(bigEndian: address.sin_port)),\(PostgresServer.shared.port)")
        try await withConnection(configuration) { connection async throws in
            #expect(try await connection.query("SELECT 1").count == 1)
        }
    }
}

/// The host that was asked is gone without a word, and the one that is there now answers: nobody waits until the first attempt is given up.
@Suite struct HangingAttemptTests {
    private static func configuration(_ proxy: SwallowingProxy, connections: Int = 4) -> PostgresConfiguration {
        var configuration = PostgresServer.shared.configuration(connections: connections)
        configuration.conninfo = PostgresServer.shared.conninfo(port: "\(proxy.port)")
        // By itself it would be given up after a minute.
        configuration.connectTimeout = .seconds(60)
        return configuration
    }

    @Test(arguments: [true, false]) func anAttemptThatHangsDelaysNobody(shared: Bool) async throws {
        let proxy = SwallowingProxy(to: PostgresServer.shared.port)
        defer { proxy.end() }
        proxy.swallow()
        let pool = PostgresPool(configuration: Self.configuration(proxy, connections: 1), logger: logger)
        let session = PostgresSession(Self.configuration(proxy), logger: logger)
        let answer = Task {
            shared
                ? try await session.query("SELECT 1", deadline: .seconds(50)).count
                : try await pool.query("SELECT 1", deadline: .seconds(50)).count
        }
        #expect(try await eventually { proxy.accepted >= 1 })
        proxy.swallow(false)
        #expect(try await answer.value == 1)
        await pool.shutdown()
        await session.shutdown()
    }

    /// And those that hang are few, however many wait.
    @Test func attemptsThatHangAreFew() async throws {
        let proxy = SwallowingProxy(to: PostgresServer.shared.port)
        defer { proxy.end() }
        proxy.swallow()
        let pool = PostgresPool(configuration: Self.configuration(proxy, connections: 2), logger: logger)
        let waiting = (0..<20).map { _ in Task { await failure { try await pool.query("SELECT 1", deadline: .seconds(4)) } } }
        for task in waiting { #expect(await task.value?.isRetryable == true) }
        #expect(proxy.accepted <= 5)
        await pool.shutdown()
    }
}

/// Asks again as long as the answer is that it may be asked again; half a minute at most.
private func returns(_ body: () async throws -> Bool) async -> Bool {
    let end = PostgresDeadline.seconds(30)
    while PostgresDeadline.now < end {
        do { return try await body() } catch let error as PostgresError where error.isRetryable {
            try? await Task.sleep(for: .milliseconds(50))
        } catch { return false }
    }
    return false
}

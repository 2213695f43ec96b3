import EverlineLines
import EverlineProtocol
import Glibc
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

/// Adds, subtracts, waits: methods that only tests have.
enum Subtract: Method {
    static let name = "subtract"
    struct Params: WireObject {
        let minuend: Int64
        let subtrahend: Int64
        init(_ minuend: Int64, _ subtrahend: Int64) { (self.minuend, self.subtrahend) = (minuend, subtrahend) }
        init(from fields: inout Fields) throws(RPCError) {
            minuend = try fields.int("minuend")
            subtrahend = try fields.int("subtrahend")
        }
        func encode(to object: inout ObjectWriter) {
            object.field("minuend", minuend)
            object.field("subtrahend", subtrahend)
        }
    }
    struct Result: WireObject {
        let difference: Int64
        init(_ difference: Int64) { self.difference = difference }
        init(from fields: inout Fields) throws(RPCError) { difference = try fields.int("difference", in: Int64.min...Int64.max) }
        func encode(to object: inout ObjectWriter) { object.field("difference", difference) }
    }
}
enum Never: Method {
    static let name = "never"
    typealias Params = Nothing
    typealias Result = Nothing
}
enum Private: Method {
    static let name = "internal.private"
    typealias Params = Nothing
    typealias Result = Nothing
}

let quiet = Logger(label: "lines-tests") { _ in SwiftLogNoOpLogHandler() }
let group = MultiThreadedEventLoopGroup.singleton

/// For what comes, however slow the machine is at it.
let patience = Duration.seconds(60)

/// Whether it comes true within a minute of the process's own time at the least: one in which it was stopped counts once.
func eventually(_ condition: () async -> Bool) async -> Bool {
    for _ in 0..<6_000 {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// What is told in the log.
final class Told: Sendable {
    private struct Handler: LogHandler {
        let told: Told
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { told.messages.withLock { $0.append("\(event.message)") } }
    }
    private let messages = Mutex<[String]>([])
    var logger: Logger { Logger(label: "lines-tests") { _ in Handler(told: self) } }
    func contains(_ message: String) -> Bool { messages.withLock { $0.contains(message) } }
}

/// - Parameter neverBegun: called when a call of `Never` has come.
func server(
    port: Int = 0, as name: String = "auth", answers: Int64? = nil, neverBegun: @escaping @Sendable () -> Void = {}
) async throws -> LineServer {
    var table = MethodTable<Caller> { _ in RPCError(.internalError) }
    table.register(Subtract.self) { params, _ in .init(answers ?? params.minuend - params.subtrahend) }
    table.register(Never.self) { _, _ in
        neverBegun()
        try await Task.sleep(for: .seconds(60))
        return Nothing()
    }
    table.register(Private.self, from: [.history]) { _, _ in Nothing() }
    return try await LineServer(
        host: "127.0.0.1", port: port, tls: try Certificates.shared.files(name).serverContext(.required), table: table,
        group: group, logger: quiet, farewell: TimeAmount(patience))
}

/// A client of the auth service that shows the certificate of `name`, connected for as long as `body` runs.
func withClient<R: Sendable>(
    _ ports: [Int], as name: String = "history", logger: Logger = quiet,
    _ body: @escaping @Sendable (LineClient) async throws -> R
)
    async throws -> R
{
    let client = LineClient(
        .auth, at: ports.map { .init(host: "127.0.0.1", port: $0) }, context: try Certificates.shared.files(name).clientContext(),
        group: group, logger: logger)
    let running = Task { await client.run() }
    defer { running.cancel() }
    return try await body(client)
}

@Suite struct LineClientTests {
    @Test func manyCallersShareOneConnection() async throws {
        let server = try await server()
        try await withClient([server.port]) { client in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in Int64(0)..<500 {
                    tasks.addTask {
                        let found = try await difference(client, number, 1)
                        #expect(found == number - 1)
                    }
                }
                try await tasks.waitForAll()
            }
        }
        await server.shutdown()
    }

    @Test func aCallThatTakesTooLongFailsAndOthersDoNot() async throws {
        let asked = Atomic<Int>(0)
        let server = try await server { asked.add(1, ordering: .relaxed) }
        try await withClient([server.port]) { client in
            _ = try await difference(client, 0, 0)
            var deadline = Duration.milliseconds(200)
            while true {
                let (begun, before, time) = (ContinuousClock.now, asked.load(ordering: .relaxed), deadline)
                let late = Task { await failure { try await client.call(Never.self, Nothing(), deadline: time) } }
                while asked.load(ordering: .relaxed) == before, .now - begun < time {
                    try await Task.sleep(for: .milliseconds(1))
                }
                let between = try? await difference(client, 3, 2)
                // A connection on which nothing at all was heard for so long is given up, as when the machine stood still.
                guard .now - begun < time else {
                    _ = await late.value
                    deadline *= 2
                    continue
                }
                #expect(between == 1)
                #expect(await late.value?.code == .deadline)
                break
            }
            let afterwards = try await difference(client, 5, 2)
            #expect(afterwards == 3)
        }
        await server.shutdown(grace: .zero)
    }

    @Test func peersAreToldApartByMethod() async throws {
        let server = try await server()
        let allowed = try await withClient([server.port], as: "history") {
            try await $0.call(Private.self, Nothing(), deadline: patience)
        }
        #expect(allowed == Nothing())
        for other in ["message-gateway", "stranger"] {
            let error = try await withClient([server.port], as: other) { client in
                await failure { try await client.call(Private.self, Nothing(), deadline: patience) }
            }
            #expect(error?.code == .peerForbidden)
        }
        await server.shutdown()
    }

    @Test func aServerOfAnotherNameIsNotSpokenTo() async throws {
        let server = try await server(as: "history")
        let told = Told()
        let error = try await withClient([server.port], logger: told.logger) { client in
            #expect(await eventually { told.contains("cannot be reached; trying on") })
            return await failure { try await client.call(Subtract.self, .init(1, 1), deadline: .milliseconds(500)) }
        }
        #expect(error?.code == .unavailable)
        await server.shutdown()
    }

    @Test func comesBackAfterTheServerDoes() async throws {
        let first = try await serverBelowTheSystemsPorts()
        let port = first.port
        try await withClient([port]) { client in
            let before = try await difference(client, 2, 1)
            #expect(before == 1)
            await first.shutdown(grace: patience)
            // Called while nobody is there, which the client knows: answered once somebody is.
            #expect(await eventually { !client.isConnected })
            let waiting = Task.immediate { try await difference(client, 4, 1) }
            let second = try await server(port: port)
            let answer = try await waiting.value
            #expect(answer == 3)
            await second.shutdown()
        }
    }

    @Test func severalAddressesShareTheCallsAndOneMayBeDead() async throws {
        let first = try await server(answers: 1)
        let second = try await server(answers: 2)
        // Nobody has this one; a port that the system had given out could become another's.
        try await withClient([first.port, second.port, 1]) { client in
            var seen: Set<Int64> = []
            for _ in 0..<12_000 where seen.count < 2 {
                seen.insert(try await difference(client, 0, 0))
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(seen == [1, 2])
            await first.shutdown(grace: patience)
            for _ in 0..<20 {
                let found = try await difference(client, 0, 0)
                #expect(found == 2)
            }
        }
        await second.shutdown()
    }

    @Test func withoutAnybodyTheDeadlineHolds() async throws {
        let error = try await withClient([1]) { client in
            await failure { try await client.call(Subtract.self, .init(1, 1), deadline: .milliseconds(100)) }
        }
        #expect(error?.code == .unavailable && error?.code.retryable == true)
    }

    @Test(arguments: [
        ("a:1", 1), ("a:1,b:2", 2), ("[::1]:7501", 1), (" a:1, b:2 ", 2), ("", 0), ("a", 0), ("a:x", 0), (":1", 0),
        ("a:70000", 0),
    ])
    func addresses(text: String, count: Int) { #expect((LineClient.Address.list(text) ?? []).count == count) }
}

func difference(_ client: LineClient, _ minuend: Int64, _ subtrahend: Int64, _ deadline: Duration = patience)
    async throws
    -> Int64
{
    try await client.call(Subtract.self, .init(minuend, subtrahend), deadline: deadline).difference
}

/// At a port that nobody else has, and not of those that the system gives out itself: one of those, tried while nobody listens, may connect to itself.
private func serverBelowTheSystemsPorts() async throws -> LineServer {
    while true {
        do {
            return try await server(port: .random(in: 20_000...30_000))
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            continue
        }
    }
}

private func failure(_ body: () async throws -> some Any) async -> RPCError? {
    do {
        _ = try await body()
        return nil
    } catch { return error as? RPCError }
}

@Suite struct LineDecoderTests {
    private func decoded(_ chunks: [String], limit: Int = 10) throws -> (lines: [String], error: LineError?) {
        let channel = EmbeddedChannel(handler: LineDecoder(limit: limit))
        var error: LineError?
        for chunk in chunks {
            do { try channel.writeInbound(ByteBuffer(string: chunk)) } catch let found { error = found as? LineError }
        }
        var lines: [String] = []
        while let line = try channel.readInbound(as: ByteBuffer.self) { lines.append(String(buffer: line)) }
        _ = try? channel.finish()
        return (lines, error)
    }

    @Test func cutsLines() throws {
        #expect(try decoded(["a\nb\r\n\n\r\nc", "d\n", "e"]).lines == ["a", "b", "cd"])
        #expect(try decoded(["0123456789\n"]).lines == ["0123456789"])
        #expect(try decoded(["0123456789\r", "\n"]).lines == ["0123456789"])
        #expect(try decoded("床前明月光\n".utf8.map { String(decoding: [$0], as: UTF8.self) }, limit: 100).error == nil)
    }

    @Test(arguments: [["0123456789x\n"], ["0123456789x"], ["ok\n0123456", "789x"], ["0123456789\rx"]])
    func refusesWhatIsTooLong(chunks: [String]) throws {
        let found = try decoded(chunks + ["after\n"])
        #expect(found.error == .tooLong)
        #expect(!found.lines.contains("after"))
    }

    @Test func aLineMustBeFinishedInTime() throws {
        let channel = EmbeddedChannel(handler: LineDecoder(patience: .seconds(30)))
        try channel.writeInbound(ByteBuffer(string: "begun"))
        for _ in 0..<29 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
            // However many bytes trickle in.
            try channel.writeInbound(ByteBuffer(string: "."))
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(throws: LineError.unfinished) { try channel.throwIfErrorCaught() }
        _ = try? channel.finish()

        let other = EmbeddedChannel(handler: LineDecoder(patience: .seconds(30)))
        for _ in 0..<10 {
            try other.writeInbound(ByteBuffer(string: "line\nbegun"))
            other.embeddedEventLoop.advanceTime(by: .seconds(20))
        }
        try other.throwIfErrorCaught()
        _ = try? other.finish()
    }
}

import ArgumentParser
import EverlineLines
import EverlinePostgres
import EverlineProtocol
import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Makes load and measures. One JSON object a run, on standard output; Tests/Load/bench.py puts them beside the machine's limits.
@main
struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Makes load on a running Everline, and measures.",
        subcommands: [Send.self, Paced.self, Read.self, Idle.self, Resume.self, Batches.self])
}

struct Target: ParsableArguments {
    @Option(help: "Ports of the gateways' TLS lines, with commas between; connections go round them.") var ports: String
    @Option(help: "PEM file of the authority.") var ca: String
    @Option(help: "File with a session a line.") var sessions: String
    @Option(help: "Seconds that are measured.") var seconds = 10

    @MainActor static let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()

    func users() throws -> [String] {
        try String(contentsOfFile: sessions, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    func tls() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(ca)
        return try NIOSSLContext(configuration: configuration)
    }

    var portList: [Int] { ports.split(separator: ",").compactMap { Int($0) } }

    /// Connections that are logged in, the n-th by the n-th session, round and round.
    func connect(_ count: Int, from first: Int = 0, tls: NIOSSLContext) async throws -> [LoadConnection] {
        let (users, ports, loop) = (try users(), portList, await Self.loop)
        return try await withThrowingTaskGroup(of: (Int, LoadConnection).self) { group in
            var made: [(Int, LoadConnection)] = []
            for index in 0..<count {
                if index >= 64, let one = try await group.next() { made.append(one) }
                group.addTask {
                    let connection = try await LoadConnection.connect(port: ports[index % ports.count], tls: tls, on: loop)
                    try await connection.result("session.resume", #"{"session":"\#(users[(first + index) % users.count])"}"#)
                    return (index, connection)
                }
            }
            for try await one in group { made.append(one) }
            return made.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Makes the room if need be, and everyone in `members` one of it.
    static func enter(_ room: String, _ members: [LoadConnection]) async throws {
        _ = try await members[0].call("room.create", #"{"room":"\#(room)"}"#)
        for member in members { try await member.result("room.join", #"{"room":"\#(room)"}"#) }
    }

    /// The room's last number.
    static func open(_ room: String, _ reader: LoadConnection, _ more: String = "") async throws -> (last: Int, epoch: String) {
        let answer = try await reader.result("room.open", #"{"room":"\#(room)"\#(more)}"#)
        guard let json = try? JSONParser.parse(Array(answer.utf8)), case .int(let last)? = json["result"]?["lastSeq"],
            case .string(let epoch)? = json["result"]?["epoch"]
        else { throw LoadConnection.Refused(answer: answer) }
        return (Int(last), epoch)
    }
}

func report(_ values: [(String, JSON)]) {
    var writer = JSONWriter()
    writer.write(JSON.object(values.map { JSON.Member(key: $0.0, value: $0.1) }))
    print(String(decoding: writer.bytes, as: UTF8.self))
}
func rounded(_ value: Double) -> JSON { .double((value * 1_000).rounded() / 1_000) }

/// Sends with so many in flight each, with readers.
struct Send: AsyncParsableCommand {
    @OptionGroup var target: Target
    @Option var rooms = 1
    @Option(help: "Senders of each room.") var senders = 1
    @Option(help: "Readers of each room; with --all-send the senders are its readers.") var readers = 0
    @Flag(help: "Every sender reads along.") var allSend = false
    @Option(help: "Sends of one sender that are in flight.") var inFlight = 100
    @Option(help: "Beginning of the rooms' names.") var name = "bench"
    @Option(help: "File with a text a line; they follow each other in bodies, after what makes each its own.") var texts: String?

    func run() async throws {
        let tls = try target.tls()
        let bodies =
            try texts.map { try String(contentsOfFile: $0, encoding: .utf8).split(separator: "\n").map { Array(" \($0)".utf8) } }
            ?? []
        let loop = await Target.loop
        let (acknowledged, delivered) = (NIOLoopBound.made(Measurement(), loop), NIOLoopBound.made(Measurement(), loop))
        var all: [Sender] = []
        var reading: [Reader] = []
        for index in 0..<rooms {
            let room = "\(name)-\(index)"
            let sending = try await target.connect(senders, from: index, tls: tls)
            let reader = allSend ? sending : try await target.connect(readers, from: index + senders, tls: tls)
            try await Target.enter(room, sending + reader)
            for one in reader {
                let last = try await Target.open(room, one).last
                reading.append(try await loop.submit { Reader(one, after: last, timed: false, delivered.value) }.get())
            }
            for one in sending {
                all.append(try await loop.submit { Sender(one, room: room, acknowledged.value, texts: bodies) }.get())
            }
        }
        let (measured, seconds, inFlight) = (all, target.seconds, inFlight)
        try await loop.submit {
            for measurement in [acknowledged.value, delivered.value] {
                measurement.from = nanoseconds() + 2_000_000_000
                measurement.until = measurement.from + seconds * 1_000_000_000
            }
            for sender in measured { sender.keep(inFlight: inFlight) }
        }.get()
        try await Task.sleep(for: .seconds(seconds + 2))
        try await loop.submit { for sender in measured { sender.stop() } }.get()
        try await Task.sleep(for: .seconds(1))
        let readers = reading
        let values: [(String, JSON)] = try await loop.submit {
            let (a, d) = (acknowledged.value, delivered.value)
            return [
                ("messagesPerSecond", rounded(a.perSecond)), ("deliveriesPerSecond", rounded(d.perSecond)),
                ("p50ms", rounded(a.percentile(50))), ("p99ms", rounded(a.percentile(99))), ("maxMs", rounded(a.most)),
                ("refused", .int(Int64(a.failed))), ("holes", .int(Int64(readers.reduce(0) { $0 + $1.holes }))),
            ]
        }.get()
        report(values)
    }
}

/// Sends at a rate, and measures from when each message was due until each reader has it.
struct Paced: AsyncParsableCommand {
    @OptionGroup var target: Target
    @Option(help: "Messages a second.") var rate = 200
    @Option var readers = 10
    @Option var room = "paced"

    func run() async throws {
        let tls = try target.tls()
        let loop = await Target.loop
        let (acknowledged, delivered) = (NIOLoopBound.made(Measurement(), loop), NIOLoopBound.made(Measurement(), loop))
        let all = try await target.connect(readers + 1, tls: tls)
        try await Target.enter(room, all)
        var made: [Reader] = []
        for one in all.dropFirst() {
            let last = try await Target.open(room, one).last
            made.append(try await loop.submit { Reader(one, after: last, timed: true, delivered.value) }.get())
        }
        let (readers, seconds, rate, room) = (made, target.seconds, rate, room)
        let sender = try await loop.submit {
            for measurement in [acknowledged.value, delivered.value] {
                measurement.from = nanoseconds() + 2_000_000_000
                measurement.until = measurement.from + seconds * 1_000_000_000
            }
            let sender = Sender(all[0], room: room, acknowledged.value)
            sender.keep(perSecond: rate)
            return sender
        }.get()
        try await Task.sleep(for: .seconds(seconds + 2))
        try await loop.submit { sender.stop() }.get()
        try await Task.sleep(for: .seconds(1))
        let values: [(String, JSON)] = try await loop.submit {
            let (a, d) = (acknowledged.value, delivered.value)
            return [
                ("deliveriesPerSecond", rounded(d.perSecond)), ("p50ms", rounded(d.percentile(50))),
                ("p99ms", rounded(d.percentile(99))),
                ("maxMs", rounded(d.most)), ("ackP50ms", rounded(a.percentile(50))), ("ackP99ms", rounded(a.percentile(99))),
                ("holes", .int(Int64(readers.reduce(0) { $0 + $1.holes }))),
            ]
        }.get()
        report(values)
    }
}

/// Reads history, each client one request at a time.
struct Read: AsyncParsableCommand {
    @OptionGroup var target: Target
    @Option(help: "history.recent or history.page.") var method = "history.recent"
    @Option var clients = 8
    @Option var room = "bench-0"
    @Option(help: "With history.page: pages end before a random number up to this.") var upTo = 1

    func run() async throws {
        let loop = await Target.loop
        let measurement = NIOLoopBound.made(Measurement(), loop)
        let all = try await target.connect(clients, tls: try target.tls())
        let (seconds, method, room, upTo) = (target.seconds, method, room, upTo)
        try await loop.submit {
            let measured = measurement.value
            measured.from = nanoseconds() + 1_000_000_000
            measured.until = measured.from + seconds * 1_000_000_000
            for one in all {
                var next = LoadConnection.firstID
                var begun = nanoseconds()
                func ask() {
                    begun = nanoseconds()
                    let anchor = method == "history.page" ? #","limit":50,"before":\#(Int.random(in: 51...max(51, upTo)))"# : ""
                    one.write(
                        ByteBuffer(
                            string:
                                #"{"jsonrpc":"2.0","method":"\#(method)","params":{"room":"\#(room)"\#(anchor)},"id":\#(next)}"#
                                + "\n"))
                    next += 1
                }
                one.answered = { _, isResult in
                    let now = nanoseconds()
                    if isResult { measured.record(now - begun, at: now) } else { measured.fail() }
                    if now < measured.until { ask() }
                }
                ask()
                one.flush()
            }
        }.get()
        try await Task.sleep(for: .seconds(seconds + 2))
        let values: [(String, JSON)] = try await loop.submit {
            let m = measurement.value
            return [
                ("perSecond", rounded(m.perSecond)), ("p50ms", rounded(m.percentile(50))), ("p99ms", rounded(m.percentile(99))),
                ("refused", .int(Int64(m.failed))),
            ]
        }.get()
        report(values)
    }
}

/// Holds connections that are logged in and do nothing, until standard input ends.
struct Idle: AsyncParsableCommand {
    @OptionGroup var target: Target
    @Option var connections = 8_000

    func run() async throws {
        let begun = nanoseconds()
        let all = try await target.connect(connections, tls: try target.tls())
        report([("connections", .int(Int64(all.count))), ("connectSeconds", rounded(Double(nanoseconds() - begun) / 1e9))])
        fflush(nil)
        while readLine() != nil {}
        withExtendedLifetime(all) {}
    }
}

/// Many clients come back at once to a room that has gone on without them.
struct Resume: AsyncParsableCommand {
    @OptionGroup var target: Target
    @Option var clients = 5_000
    @Option(help: "How many messages each has missed.") var missed = 100
    @Option var room = "resumed"

    func run() async throws {
        let tls = try target.tls()
        let loop = await Target.loop
        let talker = try await target.connect(1, tls: tls)[0]
        try await Target.enter(room, [talker])
        for index in 0..<missed {
            let body = String(repeating: "x", count: 100)
            try await talker.result(
                "message.send", #"{"room":"\#(room)","clientId":"\#(UUID().uuidString)","body":"\#(index)\#(body)"}"#)
        }
        let (last, epoch) = try await Target.open(room, talker)
        talker.close()
        let room = room
        let users = try target.users()
        let begun = nanoseconds()
        let ports = target.portList
        let ignored = NIOLoopBound.made(Measurement(), loop)
        let after = max(0, last - missed)
        let holes = try await withThrowingTaskGroup(of: Reader.self) { group in
            for index in 0..<clients {
                group.addTask {
                    let connection = try await LoadConnection.connect(port: ports[index % ports.count], tls: tls, on: loop)
                    let promise = loop.makePromise(of: Void.self)
                    let reader = try await loop.submit {
                        let reader = Reader(connection, after: after, timed: false, ignored.value)
                        reader.reached = (last, { promise.succeed() })
                        connection.closed = { [unowned connection] in promise.fail(connection.failure) }
                        return reader
                    }.get()
                    do {
                        try await connection.result("session.resume", #"{"session":"\#(users[index % users.count])"}"#)
                        try await connection.result("room.open", #"{"room":"\#(room)","epoch":"\#(epoch)","after":\#(after)}"#)
                    } catch {
                        promise.fail(error)
                    }
                    try await promise.futureResult.get()
                    return reader
                }
            }
            var all: [Reader] = []
            for try await reader in group { all.append(reader) }
            let readers = all
            return try await loop.submit { readers.reduce(0) { $0 + $1.holes } }.get()
        }
        let took = Double(nanoseconds() - begun) / 1e9
        report([("seconds", rounded(took)), ("holes", .int(Int64(holes)))])
    }
}

/// The machine's own limit: rows of the same size, by unnest from one connection, in a table with nothing but its key.
struct Batches: AsyncParsableCommand {
    @Option(help: "libpq connection string.") var conninfo: String
    @Option(help: "Rows of a batch.") var rows = 500
    @Option var seconds = 10

    func run() async throws {
        let session = PostgresSession(
            PostgresConfiguration(conninfo: conninfo, applicationName: "load", connections: 1), logger: Logger(label: "load"))
        try await session.query(
            "CREATE TABLE IF NOT EXISTS public.load_rows (room bigint, seq bigint, sender bigint, client uuid, body text, at timestamptz DEFAULT now(), PRIMARY KEY (room, seq))"
        )
        try await session.query("TRUNCATE public.load_rows")
        let insert = PostgresStatement(
            "INSERT INTO public.load_rows (room, seq, sender, client, body) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::text[])"
        )
        let body = String(repeating: "x", count: 100)
        var seq: Int64 = 0
        let measurement = Measurement()
        measurement.from = nanoseconds() + 1_000_000_000
        measurement.until = measurement.from + seconds * 1_000_000_000
        while nanoseconds() < measurement.until {
            let begun = nanoseconds()
            let numbers = (0..<Int64(rows)).map { seq + $0 }
            seq += Int64(rows)
            try await session.query(
                PostgresQuery(
                    insert,
                    [
                        numbers.map { $0 % 20 }, numbers, numbers,
                        numbers.map { _ in PostgresUUID(high: .random(in: .min ... .max), low: .random(in: .min ... .max)) },
                        [String](repeating: body, count: rows),
                    ]))
            let now = nanoseconds()
            measurement.record(now - begun, at: now)
        }
        report([
            ("rowsPerSecond", rounded(measurement.perSecond * Double(rows))), ("p50ms", rounded(measurement.percentile(50))),
            ("p99ms", rounded(measurement.percentile(99))),
        ])
        try await session.query("DROP TABLE public.load_rows")
        await session.shutdown()
    }
}

extension NIOLoopBound {
    /// A value that was made here and is used on the loop alone from now on.
    static func made(_ value: sending Value, _ loop: any EventLoop) -> NIOLoopBoundBox<Value> {
        NIOLoopBoundBox.makeBoxSendingValue(value, eventLoop: loop)
    }
}

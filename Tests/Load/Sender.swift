import EverlineProtocol
import Histogram
import NIOCore

/// Nanoseconds of a clock that only goes forward.
func nanoseconds() -> Int { Int(NIODeadline.now().uptimeNanoseconds) }

/// What was measured between `from` and `until`.
final class Measurement {
    var from = Int.max
    var until = Int.max
    private(set) var count = 0
    private(set) var failed = 0
    private var times = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

    /// - Parameter time: in nanoseconds.
    func record(_ time: Int, at now: Int) {
        guard now >= from, now < until else { return }
        count += 1
        times.record(UInt64(max(1, time)))
    }
    func count(at now: Int) { if now >= from, now < until { count += 1 } }
    func fail() { failed += 1 }

    var seconds: Double { Double(until - from) / 1e9 }
    var perSecond: Double { Double(count) / seconds }
    /// In milliseconds.
    func percentile(_ percentile: Double) -> Double { Double(times.valueAtPercentile(percentile)) / 1e6 }
    var most: Double { Double(times.max) / 1e6 }
}

/// Sends 100-byte bodies to one room: so many in flight (closed loop), or so many a second whatever comes back (open loop; then times count from when
/// each was due, which corrects for coordinated omission).
final class Sender: @unchecked Sendable {
    private let connection: LoadConnection
    private let head: [UInt8]
    private let run: UInt64
    private let measurement: Measurement
    private var next = LoadConnection.firstID
    private var begun = [Int](repeating: 0, count: 65_536)
    private(set) var acknowledged = 0
    private var stopped = false

    /// What follows the time in a body, as JSON.
    private let texts: [[UInt8]]
    private static let padding = [UInt8](repeating: UInt8(ascii: "x"), count: 81)

    init(_ connection: LoadConnection, room: String, _ measurement: Measurement, texts: [[UInt8]] = []) {
        self.texts = texts.isEmpty ? [Self.padding] : texts
        self.connection = connection
        self.measurement = measurement
        run = UInt64.random(in: 0...UInt64.max)
        head = Array(#"{"jsonrpc":"2.0","method":"message.send","params":{"room":"\#(room)","clientId":""#.utf8)
        connection.answered = { id, isResult in self.answered(id, isResult) }
    }

    private var closedLoop = false

    func keep(inFlight: Int) {
        closedLoop = true
        for _ in 0..<inFlight { send(due: nanoseconds()) }
        connection.flush()
    }

    func keep(perSecond rate: Int) {
        let interval = 1_000_000_000 / rate
        var due = nanoseconds() + interval
        func turn() {
            guard !stopped else { return }
            while due <= nanoseconds() {
                send(due: due)
                due += interval
            }
            connection.flush()
            connection.loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(max(0, due - nanoseconds())))) { turn() }
        }
        turn()
    }

    func stop() { stopped = true }

    private func send(due: Int) {
        begun[next & 65_535] = due
        var line = ByteBuffer()
        line.reserveCapacity(head.count + 200)
        line.writeBytes(head)
        hex(run >> 32, 8, &line)
        line.writeStaticString("-0000-4000-8000-")
        hex(UInt64(next), 12, &line)
        line.writeStaticString(#"","body":""#)
        decimal(due, 19, &line)
        line.writeBytes(texts[next % texts.count])
        line.writeStaticString(#""},"id":"#)
        decimal(next, 7, &line)
        line.writeStaticString("}\n")
        connection.write(line)
        next += 1
    }

    private func answered(_ id: Int, _ isResult: Bool) {
        let now = nanoseconds()
        if isResult {
            acknowledged += 1
            measurement.record(now - begun[id & 65_535], at: now)
        } else {
            measurement.fail()
        }
        if closedLoop, !stopped { send(due: now) }
    }

    private func hex(_ value: UInt64, _ digits: Int, _ line: inout ByteBuffer) {
        for shift in stride(from: (digits - 1) * 4, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: (value >> UInt64(shift)) & 15)
            line.writeInteger(digit < 10 ? 48 + digit : 87 + digit)
        }
    }
    private func decimal(_ value: Int, _ digits: Int, _ line: inout ByteBuffer) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { text in
            var rest = value
            for index in stride(from: digits - 1, through: 0, by: -1) {
                text[index] = UInt8(48 + rest % 10)
                rest /= 10
            }
            line.writeBytes(text[..<digits])
        }
    }
}

/// Reads a room along and checks that each number follows the last.
final class Reader: @unchecked Sendable {
    let connection: LoadConnection
    private let measurement: Measurement
    private let timed: Bool
    private(set) var last: Int
    private(set) var holes = 0
    var reached: (target: Int, run: () -> Void)?

    /// - Parameter timed: whether bodies begin with the time at which they were due, as a `Sender`'s do.
    init(_ connection: LoadConnection, after last: Int, timed: Bool, _ measurement: Measurement) {
        self.connection = connection
        self.last = last
        self.timed = timed
        self.measurement = measurement
        connection.pushed = { line in self.pushed(line) }
    }

    private func pushed(_ line: ByteBuffer) {
        guard let seq = LoadConnection.number(after: #""seq":"#, in: line) else { return }
        let now = nanoseconds()
        if seq != last + 1 { holes += 1 }
        last = seq
        if timed, let due = LoadConnection.number(after: #""body":""#, in: line, from: 100) {
            // What others sent has no time.
            if due >= measurement.from { measurement.record(now - due, at: now) }
        } else {
            measurement.count(at: now)
        }
        if let reached, seq >= reached.target {
            self.reached = nil
            reached.run()
        }
    }
}

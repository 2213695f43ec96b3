import Foundation

/// Lines of jsonlog to records. Few bytes of a line that nobody asks about are looked at, and texts that come again and again are made once.
package struct LogParser: Sendable {
    package enum Outcome: Sendable {
        case record(LogRecord)
        /// Nothing that a rule asks about.
        case ignored
        /// No line of jsonlog.
        case unreadable
        /// It looks like a record of pgAudit's, which did not write it.
        case forged
    }
    /// Which line it is, for what must be without gaps; also of a line that is ignored.
    package struct Serial: Sendable {
        package var session: SessionID
        package var number: Int
        package var milliseconds: Int64
        /// The session has ended with it.
        package var isLast: Bool

        package init(session: SessionID, number: Int, milliseconds: Int64, isLast: Bool) {
            self.session = session
            self.number = number
            self.milliseconds = milliseconds
            self.isLast = isLast
        }
    }

    private var clock: LogClock
    private var texts = KnownTexts()

    /// - Parameter zone: the server's log_timezone.
    package init(zone: String) { clock = LogClock(zone: zone) }

    /// - Parameter line: without its end.
    package mutating func parse(_ line: UnsafeBufferPointer<UInt8>, at place: LogPlace) -> (outcome: Outcome, serial: Serial?) {
        let found = LogMembers(line)
        // The half line of a server that died, with another's first behind it.
        if found?.isCut ?? true, let second = Self.secondBeginning(line) {
            return parse(UnsafeBufferPointer(rebasing: line[second...]), at: place)
        }
        guard let members = found, let session = SessionID(UnsafeBufferPointer(rebasing: line[members.session])),
            let milliseconds = clock.milliseconds(UnsafeBufferPointer(rebasing: line[members.timestamp]))
        else { return (.unreadable, nil) }
        let message = UnsafeBufferPointer(rebasing: line[members.message])
        var serial = Serial(
            session: session, number: Self.integer(UnsafeBufferPointer(rebasing: line[members.number])),
            milliseconds: milliseconds,
            isLast: false)
        let severity = Self.severity(line, members.severity)
        let backend = texts.text(line, members.backend)
        var audit: AuditRecord?
        var text = ""
        if Self.begins(message, AuditRecord.mark) {
            // pgAudit hides the context; whoever writes such a line by RAISE cannot.
            guard members.context.isEmpty, members.statement.isEmpty else { return (.forged, serial) }
            audit = Self.audit(message)
            if audit == nil { return (.unreadable, serial) }
        } else if severity == .log {
            guard members.context.isEmpty else { return (.ignored, serial) }
            if Self.begins(message, "disconnection: ") {
                serial.isLast = true
                text = LogText.decode(line, members.message)
            } else if Self.begins(message, "connection ") || Self.begins(message, "replication connection ")
                || backend == "postmaster" || backend == "startup" || backend == "logger"
            {
                text = LogText.decode(line, members.message)
            } else {
                return (.ignored, serial)
            }
        } else {
            text = LogText.decode(line, members.message)
        }
        return (
            .record(
                LogRecord(
                    milliseconds: milliseconds, role: texts.text(line, members.user),
                    database: texts.text(line, members.database),
                    host: texts.text(line, members.host), application: texts.text(line, members.application), backend: backend,
                    session: session, severity: severity, state: texts.text(line, members.state), message: text,
                    detail: severity == .log ? "" : LogText.decode(line, members.detail), audit: audit,
                    statement: severity == .log ? "" : LogText.decode(line, members.statement), place: place)), serial
        )
    }

    private static func audit(_ message: UnsafeBufferPointer<UInt8>) -> AuditRecord? {
        guard let base = message.baseAddress, memchr(base, Int32(UInt8(ascii: "\\")), message.count) != nil else {
            return AuditRecord(message)
        }
        return LogText.unescaped(message).withUnsafeBufferPointer { AuditRecord($0) }
    }

    private static let beginning = Array("{\"timestamp\":\"".utf8)

    private static func secondBeginning(_ line: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = line.baseAddress else { return nil }
        var from = 1
        while from < line.count, let brace = memchr(base + from, Int32(UInt8(ascii: "{")), line.count - from) {
            let at = UnsafeRawPointer(brace) - UnsafeRawPointer(base)
            guard at + beginning.count <= line.count else { return nil }
            if memcmp(brace, beginning, beginning.count) == 0 { return at }
            from = at + 1
        }
        return nil
    }

    private static func begins(_ text: UnsafeBufferPointer<UInt8>, _ prefix: StaticString) -> Bool {
        guard let base = text.baseAddress, text.count >= prefix.utf8CodeUnitCount else { return false }
        return memcmp(base, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0
    }

    private static func integer(_ digits: UnsafeBufferPointer<UInt8>) -> Int {
        var value = 0
        for byte in digits.prefix(18) {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return 0 }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }

    private static func severity(_ line: UnsafeBufferPointer<UInt8>, _ member: Range<Int>) -> LogRecord.Severity {
        let text = UnsafeBufferPointer(rebasing: line[member])
        if begins(text, "ERROR") { return .error }
        if begins(text, "FATAL") { return .fatal }
        if begins(text, "PANIC") { return .panic }
        if begins(text, "WARNING") { return .warning }
        return .log
    }
}

/// Texts of which there are few: roles, databases, applications. Bounded, and begun anew when it is full.
private struct KnownTexts {
    private var known: [UInt64: (bytes: [UInt8], text: String)] = [:]
    private static let most = 1_024

    mutating func text(_ line: UnsafeBufferPointer<UInt8>, _ member: Range<Int>) -> String {
        if member.isEmpty { return "" }
        let bytes = UnsafeBufferPointer(rebasing: line[member])
        // FNV-1a; a clash is found by comparing.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        if let found = known[hash], found.bytes.elementsEqual(bytes) { return found.text }
        let text = LogText.decode(line, member)
        if known.count >= Self.most { known.removeAll(keepingCapacity: true) }
        known[hash] = (Array(bytes), text)
        return text
    }
}

/// `2026-11-24 22:55:12.781 UTC` to a moment. The zone of a log line is an abbreviation, of which many mean several; the server's own setting
/// log_timezone says which.
private struct LogClock {
    private let zone: TimeZone
    /// The minute that was worked out last, as it is written, and what it is.
    private var minute: (text: [UInt8], milliseconds: Int64)?

    init(zone: String) {
        self.zone = TimeZone(identifier: zone) ?? .gmt
    }

    mutating func milliseconds(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard text.count >= 23, let second = number(text, 17, 2), let thousandths = number(text, 20, 3) else { return nil }
        if let minute, minute.text.elementsEqual(UnsafeBufferPointer(rebasing: text[..<16])) {
            return minute.milliseconds + second * 1_000 + thousandths
        }
        guard let year = number(text, 0, 4), let month = number(text, 5, 2), let day = number(text, 8, 2),
            let hour = number(text, 11, 2), let minutes = number(text, 14, 2), 1...12 ~= month, 1...31 ~= day, hour < 24,
            minutes < 60, second <= 60
        else { return nil }
        // Days from civil (Howard Hinnant, "chrono-compatible low-level date algorithms").
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        let local = (days * 24 + hour) * 60 + minutes
        let offset = offset(text, local)
        let milliseconds = (local * 60 - offset) * 1_000
        minute = (Array(text[..<16]), milliseconds)
        return milliseconds + second * 1_000 + thousandths
    }

    /// Seconds east of UTC at that local minute.
    private func offset(_ text: UnsafeBufferPointer<UInt8>, _ local: Int64) -> Int64 {
        let name = text.count > 24 ? String(decoding: UnsafeBufferPointer(rebasing: text[24...]), as: UTF8.self) : "UTC"
        if name == "UTC" || name == "GMT" { return 0 }
        let guess = Date(timeIntervalSince1970: Double(local * 60))
        let first = zone.secondsFromGMT(for: guess)
        return Int64(zone.secondsFromGMT(for: guess.addingTimeInterval(-Double(first))))
    }

    private func number(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for byte in text[start..<start + count] {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return value
    }
}

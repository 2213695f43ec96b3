package import Foundation

/// A line of the server's log that is worth a rule's look.
package struct LogRecord: Sendable, Codable, Equatable {
    package enum Severity: String, Sendable, Codable { case log, warning, error, fatal, panic }

    /// Milliseconds since 1970, by the server's clock.
    package var milliseconds: Int64
    package var role: String
    package var database: String
    /// An address, `[local]`, or nothing for the server's own processes.
    package var host: String
    package var application: String
    /// As in pg_stat_activity: `client backend`, `walsender`, `postmaster` …
    package var backend: String
    package var session: SessionID
    package var severity: Severity
    /// SQLSTATE of an error; empty otherwise.
    package var state: String
    /// Empty for an AUDIT record, which has it in parts.
    package var message: String
    package var detail: String
    package var audit: AuditRecord?
    /// The statement of an error.
    package var statement: String
    /// File and line: `everline.json:1234`.
    package var place: LogPlace

    package var at: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1_000) }
    package var evidence: String {
        place.file == RecordSight.counter ? "counted by pg_stat_statements, without a record" : "\(place.file):\(place.line)"
    }
    /// The SQL that this is about, if any.
    package var sql: String { audit?.statement ?? statement }
}

package struct LogPlace: Sendable, Hashable, Codable {
    package var file: String
    package var line: Int

    package init(file: String, line: Int) {
        self.file = file
        self.line = line
    }
}

/// A server process: when it began (seconds since 1970) and its number. Unique for as long as a number is not used twice in a second.
package struct SessionID: Sendable, Hashable, Codable {
    package var start: UInt32
    package var process: UInt32

    package init(start: UInt32, process: UInt32) {
        self.start = start
        self.process = process
    }

    /// `6b0615d0.4f0d`, in hex.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        var parts: (UInt64, UInt64) = (0, 0)
        var isSecond = false
        for byte in bytes {
            if byte == UInt8(ascii: "."), !isSecond {
                isSecond = true
                continue
            }
            guard let digit = HexDigit.value(byte) else { return nil }
            if isSecond { parts.1 = parts.1 << 4 | UInt64(digit) } else { parts.0 = parts.0 << 4 | UInt64(digit) }
            guard parts.0 <= UInt32.max, parts.1 <= UInt32.max else { return nil }
        }
        guard isSecond else { return nil }
        self.init(start: UInt32(parts.0), process: UInt32(parts.1))
    }
}

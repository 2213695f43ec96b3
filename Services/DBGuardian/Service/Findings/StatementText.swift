/// A statement as it may be stored and told: no data, no password, no comment. Texts stand where they say what was done (a path, a program, a setting) and
/// are left out where they may be somebody's message. Anything is taken, also what is no SQL or was cut in the middle.
package enum StatementText {
    /// Functions whose arguments are the deed itself.
    private static let telling: Set<String> = [
        "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file", "pg_file_write", "pg_file_unlink", "pg_file_rename",
        "lo_import",
        "lo_export", "set_config", "pg_create_physical_replication_slot", "pg_create_logical_replication_slot",
        "pg_drop_replication_slot",
        "pg_logical_slot_get_changes", "pg_logical_slot_peek_changes", "has_table_privilege", "pg_terminate_backend",
        "pg_reload_conf",
    ]
    /// Statements whose texts are data, or may be.
    private static let data: Set<String> = [
        "select", "insert", "update", "delete", "merge", "with", "values", "execute", "call", "prepare", "declare", "explain",
        "comment",
        "perform", "return", "if", "raise", "begin", "table",
    ]
    private static let secrets: Set<String> = ["password", "passwd", "secret", "passphrase", "connection", "pwd"]

    package static func withoutData(_ sql: String) -> String {
        var writer = Writer()
        var tokens = SQLTokens(Array(sql.utf8))
        while let token = tokens.next() { writer.take(token) }
        return PasswordMask.masked(writer.text)
    }

    private struct Writer {
        private var out: [UInt8] = []
        /// The word that says what kind of statement this is.
        private var first: String?
        private var previous: [String] = []
        private var function: String?
        /// The function around each open parenthesis.
        private var open: [String?] = []
        /// CREATE FUNCTION or DO: a quoted text may be code.
        private var hasBody = false

        var text: String { String(decoding: out, as: UTF8.self).trimmed }

        mutating func take(_ token: SQLTokens.Token) {
            switch token {
            case .blank: blank()
            case .word(let bytes): word(bytes)
            // A parameter stays to be seen as one.
            case .number(let bytes): out += isData ? bytes.prefix { $0 == UInt8(ascii: "$") } + Array("…".utf8) : bytes
            case .sign(let byte): sign(byte)
            case .string(let bytes, let opening): string(bytes, opening)
            case .dollar(let body, let tag):
                out += tag + (hasBody ? code(body) : Array("…".utf8)) + tag
            }
        }

        private mutating func word(_ bytes: [UInt8]) {
            let word = String(decoding: bytes, as: UTF8.self).lowercased()
            out += bytes
            function = word
            previous.append(word)
            if previous.count > 12 { previous.removeFirst() }
            if first == nil { first = word }
            switch word {
            case "do" where first == "do", "function" where first == "create", "procedure" where first == "create": hasBody = true
            // What a view or a table is made from.
            case "select" where first == "create" && !hasBody, "values" where first == "create" && !hasBody: first = word
            // Within code each statement is judged by its own first word.
            case "then", "else", "loop", "begin": first = nil
            default: break
            }
        }

        private mutating func sign(_ byte: UInt8) {
            out.append(byte)
            switch byte {
            case UInt8(ascii: "("): open.append(function)
            case UInt8(ascii: ")"): _ = open.popLast()
            case UInt8(ascii: ";"):
                first = nil
                previous = []
                open = []
                hasBody = false
            default: break
            }
            function = nil
        }

        private mutating func string(_ bytes: [UInt8], _ opening: [UInt8]) {
            let isSecret = previous.suffix(2).contains { secrets.contains($0) }
            let isCode = !isSecret && (previous.last == "execute" || hasBody) && bytes.contains(UInt8(ascii: " "))
            let isShown = !isSecret && (!isData || open.contains { $0.map(telling.contains) == true })
            out += opening + (isCode ? code(bytes) : isShown ? bytes : Array("…".utf8)) + [UInt8(ascii: "'")]
        }

        /// Code in a text, where a quote is written twice.
        private func code(_ bytes: [UInt8]) -> [UInt8] {
            let text = String(decoding: bytes, as: UTF8.self).replacing("''", with: "'")
            return Array(StatementText.withoutData(text).utf8)
        }

        private var isData: Bool {
            guard let first else { return true }
            // COPY (SELECT …) TO PROGRAM: the query's texts are data, the program is not.
            if first == "copy" { return !open.isEmpty && previous.last != "program" }
            return data.contains(first)
        }

        private mutating func blank() { if let last = out.last, last != UInt8(ascii: " ") { out.append(UInt8(ascii: " ")) } }
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = Substring(self)
        while text.last == " " || text.last == ";" { text.removeLast() }
        return String(text)
    }
}

/// What a statement says beside its words, as rules ask for it.
extension Statement {
    package var literals: [String] {
        tokens.compactMap { if case .literal(let text) = $0 { text } else { nil } }
    }

    /// Texts as they are put together: `'a' || 'b'` is one.
    var joinedLiterals: [String] {
        var found: [String] = []
        var index = 0
        while index < tokens.count {
            defer { index += 1 }
            guard case .literal(var text) = tokens[index] else { continue }
            while index + 3 < tokens.count, tokens[index + 1] == .symbol("|"), tokens[index + 2] == .symbol("|"),
                case .literal(let more) = tokens[index + 3]
            {
                text += more
                index += 3
            }
            found.append(text)
        }
        return found
    }

    /// Statements that a DO block puts together and runs, as far as they stand in it as texts.
    var dynamic: [Statement] {
        guard words.first == "do", let body = literals.first else { return [] }
        return Statement(body).joinedLiterals.filter { $0.contains(" ") }.prefix(100).map { Statement($0) }
    }

    /// Names given to set_config; nil for one that is worked out only when it runs.
    var configured: [String?] {
        calls(of: "set_config").map { start in
            guard start + 1 < tokens.count, case .literal(let name) = tokens[start], tokens[start + 1] == .symbol(",") else {
                return nil
            }
            return name.lowercased()
        }
    }

    /// Names of settings that an UPDATE of the view pg_settings sets; nil for one that is worked out only when it runs.
    var settingsUpdated: [String?] {
        guard has(["update", "pg_settings"]) || has("update") && has("pg_settings") else { return [] }
        let names = tokens.indices.dropLast(2).filter { tokens[$0] == .word("name") && tokens[$0 + 1] == .symbol("=") }
        return names.isEmpty
            ? [nil]
            : names.map { at in
                guard case .literal(let name) = tokens[at + 2], at + 3 >= tokens.count || tokens[at + 3] != .symbol("|") else {
                    return nil
                }
                return name.lowercased()
            }
    }

    /// Whether a setting of that extension is set.
    func sets(_ prefix: String) -> Bool {
        tokens.indices.dropLast().contains { tokens[$0] == .word(prefix) && tokens[$0 + 1] == .symbol(".") }
            || words.contains { $0.hasPrefix("\(prefix).") }
    }

    /// Where the arguments of each call of a function begin.
    private func calls(of name: String) -> [Int] {
        tokens.indices.dropLast().filter { tokens[$0] == .word(name) && tokens[$0 + 1] == .symbol("(") }.map { $0 + 2 }
    }

    /// Whether it writes to tables, at its top or in a WITH.
    var writes: Bool {
        has(["insert", "into"]) || has(["delete", "from"]) || has(["merge", "into"]) || has("update") && has("set")
    }

    /// Whether rows of a table are taken as a whole: `TABLE t`, `SELECT *`, `SELECT t`, `to_jsonb(t)`.
    func takesWhole(_ table: String) -> Bool {
        if tokens.contains(.symbol("*")), !has("count") { return true }
        let isTable = tokens.indices.contains { index in
            guard tokens[index] == .word("table") else { return false }
            let name = tokens[(index + 1)...].drop { $0 == .word("only") }
            // With its schema, or without.
            return name.first == .word(table) || Array(name.dropFirst().prefix(2)) == [.symbol("."), .word(table)]
        }
        if isTable { return true }
        var names: Set<String> = [table]
        for index in tokens.indices.dropLast() where tokens[index] == .word(table) {
            var next = index + 1
            if tokens[next] == .word("as") { next += 1 }
            if next < tokens.count, case .word(let alias) = tokens[next], !Self.clauses.contains(alias) { names.insert(alias) }
        }
        return tokens.indices.contains { index in
            guard case .word(let word) = tokens[index], names.contains(word) else { return false }
            if index + 1 < tokens.count, tokens[index + 1] == .symbol(".") { return false }
            guard index > 0 else { return false }
            switch tokens[index - 1] {
            // Where it is named as what is read, or as an alias.
            case .symbol("."), .word("from"), .word("join"), .word("as"), .word("only"), .word("update"), .word("into"):
                return false
            case .word(let before): return !names.contains(before)
            case .symbol(","): return !isBehindFrom(index)
            default: return true
            }
        }
    }

    private func isBehindFrom(_ index: Int) -> Bool {
        tokens[..<index].last { $0 == .word("from") || $0 == .word("select") } == .word("from")
    }

    private static let clauses: Set<String> = [
        "where", "order", "group", "limit", "offset", "join", "left", "right", "inner", "cross", "natural", "full", "on", "using",
        "set", "values",
        "returning", "union", "except", "intersect", "for", "fetch", "having", "window", "tablesample", "default", "to", "from",
        "with", "select",
    ]
}

extension ArraySlice where Element == Statement.Token {
    var words: [String] { compactMap { if case .word(let text) = $0 { text } else { nil } } }

    /// Whether there is no condition, or one that is true of every row.
    var isForAllRows: Bool {
        guard let at = firstIndex(of: .word("where")) else { return true }
        let condition = self[(at + 1)...].prefix { $0 != .word("returning") && $0 != .word("limit") && $0 != .word("order") }
        return condition.split(separator: .word("or")).contains { either in
            either.split(separator: .word("and")).allSatisfy(\.isTrivial)
        }
    }

    private var isTrivial: Bool {
        let words = words.filter { $0 != "true" && $0 != "not" }
        if words.isEmpty || self.words.suffix(3) == ["is", "not", "null"] { return true }
        guard let sign = firstIndex(of: .symbol("=")) else { return false }
        return self[..<sign].elementsEqual(self[(sign + 1)...])
    }
}

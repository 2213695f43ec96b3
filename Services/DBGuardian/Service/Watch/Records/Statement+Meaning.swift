/// What a statement says beside its words, as rules ask for it.
extension Statement {
    package var literals: [String] { tokens[...].literals }

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

    /// Code that it carries, to be run now or later: bodies of DO blocks and functions, and in them the texts that are put together to be run. A function that is
    /// called as an expression there (`x := pg_read_file('…')`), or that is put in place of its caller, leaves no record of its own.
    var embedded: [Statement] {
        let texts = parts.filter(\.isCode).flatMap(\.literals).prefix(100)
        let bodies = texts.map { Statement($0) }
        return bodies + bodies.flatMap { $0.joinedLiterals.filter { $0.contains(" ") }.prefix(100).map { Statement($0) } }
    }

    /// Whether something holds of it or of code in it.
    func anywhere(_ holds: (Statement) -> Bool) -> Bool { holds(self) || embedded.contains(where: holds) }

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
            guard next < tokens.count, case .word(let alias) = tokens[next], !Self.clauses.contains(alias) else { continue }
            names.insert(alias)
            // `FROM users AS u (a, b, c, d)` gives its columns other names.
            if next + 1 < tokens.count, tokens[next + 1] == .symbol("(") { return true }
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
        "with", "select", "in", "and", "or",
    ]
}

extension ArraySlice where Element == Statement.Token {
    var words: [String] { compactMap { if case .word(let text) = $0 { text } else { nil } } }

    fileprivate var literals: [String] { compactMap { if case .literal(let text) = $0 { text } else { nil } } }

    /// Whether it is a DO block, or makes a function or procedure.
    fileprivate var isCode: Bool {
        if first == .word("do") { return true }
        return first == .word("create") && prefix(4).contains { $0 == .word("function") || $0 == .word("procedure") }
    }

    /// Whether all that it selects is one number of rows.
    var selectsCount: Bool {
        guard count > 3, first == .word("select"), self[startIndex + 1] == .word("count"), self[startIndex + 2] == .symbol("(")
        else {
            return false
        }
        var depth = 0
        for index in indices.dropFirst(2) {
            if self[index] == .symbol("(") { depth += 1 }
            if self[index] == .symbol(")") { depth -= 1 }
            guard depth == 0 else { continue }
            let rest = self[(index + 1)...]
            return rest.first == .word("from") || rest.first == .word("as") && rest.dropFirst(2).first == .word("from")
        }
        return false
    }

    /// Whether there is no condition, or one that is true of every row.
    var isForAllRows: Bool {
        guard let at = firstIndex(of: .word("where")) else { return true }
        let condition = self[(at + 1)...].prefix { $0 != .word("returning") && $0 != .word("limit") && $0 != .word("order") }
        return condition.split(separator: .word("or")).contains { either in
            either.split(separator: .word("and")).allSatisfy(\.isTrivial)
        }
    }

    /// Whether it takes of that table, which it names once, the row alone whose key is given: `FROM t AS a WHERE a.id = $1 AND …`.
    func isOfOne(of table: String, by keys: Set<String>) -> Bool {
        let words = words
        guard words.filter({ $0 == table }).count == 1, !["or", "union", "except", "intersect"].contains(where: words.contains),
            let name = firstIndex(of: .word(table)), let condition = self[name...].firstIndex(of: .word("where"))
        else { return false }
        var names = [table]
        if case .word(let alias) = self[self[name + 1] == .word("as") ? name + 2 : name + 1] { names.append(alias) }
        var rest = self[(condition + 1)...]
        if rest.count > 1, rest[rest.startIndex + 1] == .symbol(".") {
            guard names.contains(where: { rest.first == .word($0) }) else { return false }
            rest = rest.dropFirst(2)
        }
        guard rest.count > 2, case .word(let key) = rest[rest.startIndex], keys.contains(key),
            rest[rest.startIndex + 1] == .symbol("=")
        else { return false }
        switch rest[rest.startIndex + 2] {
        case .number, .literal: break
        default: return false
        }
        let next = rest.dropFirst(3).first
        return next == nil || next == .symbol(")") || next == .word("and") || next == .word("for") || next == .word("limit")
            || next == .word("returning")
    }

    /// Whether a MERGE matches every row: by a condition that is true of each.
    var isJoinedWithAll: Bool {
        guard let on = firstIndex(of: .word("on")) else { return false }
        return self[(on + 1)...].prefix { $0 != .word("when") }.isTrivial
    }

    private var isTrivial: Bool {
        let words = words.filter { $0 != "true" && $0 != "not" }
        if words.isEmpty || self.words.suffix(3) == ["is", "not", "null"] { return true }
        guard let sign = firstIndex(of: .symbol("=")) else { return false }
        return self[..<sign].elementsEqual(self[(sign + 1)...])
    }
}

/// What a catalogue holds at one moment, as far as an attacker could use it: for each kind of thing its name and what is to be known of it.
package struct Snapshot: Codable, Sendable, Equatable {
    /// By kind and name the attributes, as `superuser=f` and `login=t` with a unit separator between.
    package var things: [String: [String: String]]

    package init(things: [String: [String: String]] = [:]) { self.things = things }

    /// What has changed since `earlier`.
    package func differences(from earlier: Snapshot, in database: String?) -> [Difference] {
        var found: [Difference] = []
        for kind in Set(things.keys).union(earlier.things.keys).sorted() {
            let (before, after) = (earlier.things[kind] ?? [:], things[kind] ?? [:])
            if before == after { continue }
            for name in Set(before.keys).union(after.keys).sorted() where before[name] != after[name] {
                found.append(Difference(database: database, kind: kind, name: name, before: before[name], after: after[name]))
            }
        }
        return found
    }
}

/// One thing that has come, gone or changed.
package struct Difference: Sendable, Hashable {
    /// nil for what the cluster has in common.
    package var database: String?
    package var kind: String
    package var name: String
    package var before: String?
    package var after: String?

    package init(database: String?, kind: String, name: String, before: String?, after: String?) {
        self.database = database
        self.kind = kind
        self.name = name
        self.before = before
        self.after = after
    }

    /// For evidence: `role bob: superuser=f -> superuser=t`.
    package var words: String {
        let place = database.map { " in \($0)" } ?? ""
        switch (before, after) {
        case (nil, let after?): return "\(kind) \(name)\(place) is new: \(Self.shown(after))"
        case (let before?, nil): return "\(kind) \(name)\(place) is gone; it was: \(Self.shown(before))"
        default:
            let (old, new) = (Self.attributes(before), Self.attributes(after))
            let changed = Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }
            return "\(kind) \(name)\(place): "
                + changed.map { "\($0)=\(old[$0] ?? "") -> \($0)=\(new[$0] ?? "")" }.joined(separator: ", ")
        }
    }

    /// An attribute before and after.
    package func change(of attribute: String) -> (before: String?, after: String?) {
        (Self.attributes(before)[attribute], Self.attributes(after)[attribute])
    }

    /// Whether it was there before, is there now, and differs in these attributes alone.
    package func changesOnly(_ names: Set<String>) -> Bool {
        guard before != nil, after != nil else { return false }
        let (old, new) = (Self.attributes(before), Self.attributes(after))
        return Set(old.keys).union(new.keys).allSatisfy { names.contains($0) || old[$0] == new[$0] }
    }

    /// Whether an attribute is true now and was not.
    package func gained(_ attribute: String) -> Bool {
        let change = change(of: attribute)
        return change.after == "t" && change.before != "t"
    }

    private static func shown(_ attributes: String) -> String { attributes.replacing("\u{1F}", with: " ") }

    private static func attributes(_ text: String?) -> [String: String] {
        var found: [String: String] = [:]
        for part in (text ?? "").split(separator: "\u{1F}") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { found[String(pair[0])] = String(pair[1]) }
        }
        return found
    }
}

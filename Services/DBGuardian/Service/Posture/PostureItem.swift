/// One thing that `audit check` looks at.
package struct PostureItem: Encodable, Sendable {
    package let item: String
    /// The recommendation's number in the CIS PostgreSQL 15 Benchmark; nil for our own.
    package let cis: String?
    package let ok: Bool
    package let value: String
    /// Where it was set, as far as that is known.
    package let source: String?
    package let hint: String?

    package init(_ item: String, cis: String? = nil, _ ok: Bool, _ value: String, source: String? = nil, hint: String) {
        self.item = item
        self.cis = cis
        self.ok = ok
        self.value = value
        self.source = source
        self.hint = ok ? nil : hint
    }

    private enum CodingKeys: String, CodingKey { case item, cis, ok, value, source, hint }

    /// Every field is there, null if there is none.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(item, forKey: .item)
        try container.encode(cis, forKey: .cis)
        try container.encode(ok, forKey: .ok)
        try container.encode(value, forKey: .value)
        try container.encode(source, forKey: .source)
        try container.encode(hint, forKey: .hint)
    }
}

/// A kind of items that one look at the facts answers.
protocol PostureSection {
    static func items(_ facts: ServerFacts) -> [PostureItem]
}

extension ServerFacts {
    /// An item about one setting.
    func item(
        _ item: String, cis: String? = nil, setting name: String, _ ok: (String) -> Bool, hint: String
    ) -> PostureItem {
        guard let setting = settings[name] else {
            return PostureItem(item, cis: cis, false, "\(name) is not known to the server", hint: hint)
        }
        let pending = setting.pendingRestart ? " (changed, waits for a restart)" : ""
        return PostureItem(
            item, cis: cis, ok(setting.value), "\(name) = \(setting.value)\(pending)", source: setting.place, hint: hint)
    }

    /// Several settings that must have one value each.
    func item(_ item: String, cis: String, settings wanted: [(name: String, values: [String])], hint: String) -> PostureItem {
        let wrong = wanted.filter { one in settings[one.name].map { !one.values.contains($0.value.lowercased()) } ?? false }
        let shown = (wrong.isEmpty ? wanted : wrong).map { "\($0.name) = \(value($0.name))" }.joined(separator: ", ")
        let places = wrong.compactMap { settings[$0.name]?.place }
        return PostureItem(item, cis: cis, wrong.isEmpty, shown, source: places.first, hint: hint)
    }
}

extension [String] {
    /// The first few, and how many more.
    func shown(_ most: Int = 5) -> String {
        isEmpty ? "none" : prefix(most).joined(separator: ", ") + (count > most ? " and \(count - most) more" : "")
    }
}

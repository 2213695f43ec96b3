/// Charts as SVG within the page; each figure also stands there as text, for whoever cannot see the bars.
enum ReportChart {
    private static let width = 480
    private static let rows = 12

    /// One bar a name, the longest first.
    static func bars(_ counts: [ReportData.Count], empty: String) -> String {
        guard let most = counts.map(\.count).max(), most > 0 else { return "<p class=\"when\">\(empty)</p>" }
        var shown = Array(counts.prefix(rows))
        if counts.count > rows {
            let rest = counts.dropFirst(rows - 1)
            shown =
                counts.prefix(rows - 1) + [
                    ReportData.Count(name: "\(rest.count) others", count: rest.reduce(0) { $0 + $1.count })
                ]
        }
        let top = max(most, shown.map(\.count).max() ?? most)
        let height = shown.count * 26 + 4
        let lines = shown.enumerated().map { index, one in
            let y = index * 26
            let length = max(2, Int(one.count * 220 / top))
            let name = one.name.shortened(to: 24)
            return """
                <text x="150" y="\(y + 17)" text-anchor="end">\(HTML.escaped(name))<title>\(HTML.escaped(one.name))</title></text>\
                <rect class="bar" x="160" y="\(y + 4)" width="\(length)" height="18" rx="3"/><text class="soft" x="\(168 + length)" y="\(y + 17)">\(one.count)</text>
                """
        }
        return "<svg viewBox=\"0 0 \(width) \(height)\" role=\"img\">\(lines.joined())</svg>"
    }

    /// Stacked by severity, the worst at the bottom.
    static func columns(_ slots: [ReportData.Slot]) -> String {
        let most = slots.map(\.total).max() ?? 0
        guard most > 0 else { return "<p class=\"when\">nothing was found</p>" }
        let (left, floor, room) = (34, 170, 150)
        let step = (width - left - 6) / slots.count
        var out = "<line class=\"axis\" x1=\"\(left)\" y1=\"\(floor)\" x2=\"\(width)\" y2=\"\(floor)\"/>"
        out += "<text class=\"soft\" x=\"\(left - 6)\" y=\"\(floor - room + 8)\" text-anchor=\"end\">\(most)</text>"
        out += "<text class=\"soft\" x=\"\(left - 6)\" y=\"\(floor)\" text-anchor=\"end\">0</text>"
        for (index, slot) in slots.enumerated() {
            var y = Double(floor)
            for (name, count) in [("critical", slot.critical), ("high", slot.high), ("medium", slot.medium), ("low", slot.low)]
            where count > 0 {
                let height = Double(count) * Double(room) / Double(most)
                y -= height
                out +=
                    "<rect class=\"\(name)\" x=\"\(left + index * step + 2)\" y=\"\(rounded(y))\" width=\"\(step - 3)\" height=\"\(rounded(height))\"><title>\(slot.from): \(count) \(name)</title></rect>"
            }
            if index % 6 == 0 {
                out += "<text class=\"soft\" x=\"\(left + index * step)\" y=\"\(floor + 18)\">\(label(slot.from))</text>"
            }
        }
        return "<svg viewBox=\"0 0 \(width) 196\" role=\"img\">\(out)</svg>"
    }

    /// `01-31 08:00`
    private static func label(_ time: String) -> String { "\(time.dropFirst(5).prefix(5)) \(time.dropFirst(11).prefix(5))" }
    private static func rounded(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
}

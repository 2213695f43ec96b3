/// The report as one page that needs nothing else: no script, no font, no picture from anywhere.
package enum ReportPage {
    package static func html(_ data: ReportData) -> String {
        """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>Everline: findings from \(HTML.escaped(data.from)) to \(HTML.escaped(data.to))</title>
        <style>\(ReportStyle.css)</style>
        <main>
        <header><h1>What the guardian has found</h1><p>\(HTML.time(data.from)) to \(HTML.time(data.to))</p></header>
        \(data.note.map { "<p class=\"note\">\(HTML.escaped($0))</p>" } ?? "")
        <section class="tiles">\(tiles(data))</section>
        <section class="charts">
        \(chart("Findings by time", ReportChart.columns(data.byTime)))
        \(chart("Findings by rule", ReportChart.bars(data.byRule, empty: "nothing was found")))
        \(chart("Findings by role", ReportChart.bars(data.byRole, empty: "nothing was found")))
        \(chart("Audited statements by class", ReportChart.bars(data.statementsByClass, empty: "none were counted")))
        </section>
        <section><h2>Each of them</h2>\(data.findings.isEmpty ? "<p>Nothing was found.</p>" : data.findings.reversed().map { entry($0.finding) }.joined(separator: "\n"))</section>
        </main>
        </html>

        """
    }

    private static func tiles(_ data: ReportData) -> String {
        let counts = data.bySeverity.map { (name: $0.name, count: "\($0.count)", style: $0.count > 0 ? $0.name : "none") }
        let all =
            counts + [
                (name: "occurrences", count: "\(data.occurrences)", style: "plain"),
                (name: "not acknowledged", count: "\(data.unacknowledged)", style: "plain"),
            ]
        return all.map { "<div class=\"tile \($0.style)\"><b>\($0.count)</b><span>\($0.name)</span></div>" }.joined()
    }

    private static func chart(_ title: String, _ svg: String) -> String {
        "<figure><figcaption>\(title)</figcaption>\(svg)</figure>"
    }

    private static func entry(_ finding: Finding) -> String {
        var rows: [(String, String)] = []
        func row(_ name: String, _ value: String?) { if let value, !value.isEmpty { rows.append((name, HTML.escaped(value))) } }
        row("role", finding.role)
        row("address", finding.address)
        row("database", finding.database)
        row("object", finding.object)
        if let statement = finding.statement { rows.append(("statement", "<code>\(HTML.escaped(statement))</code>")) }
        for line in finding.evidence { rows.append(("evidence", "<code>\(HTML.escaped(line))</code>")) }
        for line in finding.advice.split(separator: "\n") {
            let parts =
                line.hasPrefix(RestoreAdvice.words)
                ? (RestoreAdvice.words, line.dropFirst(RestoreAdvice.words.count)) : ("", line)
            rows.append(
                (
                    "what to do",
                    parts.0.isEmpty
                        ? HTML.escaped(String(parts.1)) : "\(HTML.escaped(parts.0))<code>\(HTML.escaped(String(parts.1)))</code>"
                ))
        }
        if let done = finding.acknowledgement { row("acknowledged", "by \(done.by), \(done.at): \(done.note)") }
        let times = finding.count > 1 ? " × \(finding.count), last \(HTML.time(finding.lastAt))" : ""
        return """
            <article class="\(finding.severity.rawValue)"><h3><span class="badge">\(finding.severity.rawValue)</span> \(HTML.escaped(finding.rule))</h3>
            <p class="when">\(HTML.time(finding.at))\(times) · \(HTML.escaped(finding.id))</p>
            <dl>\(rows.map { "<dt>\($0.0)</dt><dd>\($0.1)</dd>" }.joined())</dl></article>
            """
    }
}

/// Text that was written by who knows whom, on a page.
enum HTML {
    static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            // What would turn the direction of the text around it, or is no text.
            case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar.value < 32 && scalar != "\n" && scalar != "\t" ? "\u{FFFD}" : scalar)
            }
        }
        return out
    }

    /// `2026-01-31 08:00:00 UTC`
    static func time(_ text: String) -> String {
        text.count == 24
            ? "<time datetime=\"\(escaped(text))\">\(escaped(String(text.prefix(10)))) \(escaped(String(text.dropFirst(11).prefix(8)))) UTC</time>"
            : escaped(text)
    }
}

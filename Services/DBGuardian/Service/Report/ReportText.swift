/// The report for a terminal or a mail.
package enum ReportText {
    private static let width = 40

    package static func text(_ data: ReportData) -> String {
        var lines = ["Findings from \(data.from) to \(data.to)", ""]
        if let note = data.note { lines += ["note: \(note)", ""] }
        lines.append("\(data.findings.count) findings, \(data.occurrences) occurrences, \(data.unacknowledged) not acknowledged")
        lines += section("By severity", data.bySeverity.filter { $0.count > 0 })
        lines += section("By rule", data.byRule)
        lines += section("By role", data.byRole)
        let times = data.byTime.filter { $0.total > 0 }.map { ReportData.Count(name: $0.from, count: $0.total) }
        lines += section("By time", times)
        lines += section("Audited statements by class", data.statementsByClass)
        if !data.findings.isEmpty { lines += ["", "Each of them"] + data.findings.flatMap { ["", $0.finding.description] } }
        return lines.joined(separator: "\n")
    }

    private static func section(_ title: String, _ counts: [ReportData.Count]) -> [String] {
        guard let most = counts.map(\.count).max(), most > 0 else { return [] }
        let longest = counts.map { $0.name.count }.max() ?? 0
        return ["", title]
            + counts.map { one in
                let bar = String(repeating: "█", count: max(1, Int(one.count * Int64(width) / most)))
                return "  \(one.name.padded(to: longest))  \(bar) \(one.count)"
            }
    }
}

extension String {
    fileprivate func padded(to length: Int) -> String { self + String(repeating: " ", count: max(0, length - count)) }
}

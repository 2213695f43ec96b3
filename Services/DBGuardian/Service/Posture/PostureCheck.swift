import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// `audit check`: everything that can be told about the posture of a server and of what keeps it.
package struct PostureCheck: Sendable {
    private let settings: Settings
    private let logger: Logger

    package init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// In the benchmark's order, and our own after it.
    package func run() async throws -> [PostureItem] {
        let facts = try await FactReader(settings, for: "audit check", logger: logger).facts()
        let sections: [any PostureSection.Type] = [LoggingItems.self, AccessItems.self, SettingItems.self]
        var items = sections.flatMap { $0.items(facts) }
        items.append(FileModes(facts, settings).item)
        items += try await backups()
        items.append(try await journal())
        return items.sorted { Self.order($0) < Self.order($1) }
    }

    /// Whether its failing was accepted in the configuration.
    package func isAccepted(_ item: PostureItem) -> Bool {
        let accepted = settings.optional("audit.accepted")?.split(separator: ",").map { $0.trimming { $0 == " " } } ?? []
        return accepted.contains(item.item) || item.cis.map(accepted.contains) ?? false
    }

    private static func order(_ item: PostureItem) -> String {
        guard let cis = item.cis else { return "9 \(item.item)" }
        return cis.split(separator: ".").map { String(repeating: "0", count: max(0, 3 - $0.count)) + $0 }.joined(separator: ".")
    }

    /// What the repository says: 7.3 asks for base backups, 8.2 for a tool that restores.
    private func backups() async throws -> [PostureItem] {
        guard settings.optional("repository.paths") != nil else {
            return [
                PostureItem("base-backups", cis: "7.3", false, "there is no repository", hint: "set repository.paths"),
                PostureItem("backup-tool", cis: "8.2", false, "there is no repository", hint: "set repository.paths"),
            ]
        }
        let settings = settings
        return try await Blocking.run {
            let source = settings.optional("repository.paths")
            do {
                let repositories = try Repositories(settings)
                let all = try Catalogue(repositories.first.onlySystem(repositories.wanted)).all().filter {
                    $0.manifest.kind == .base
                }
                let whole = all.last { $0.verified?.ok != false }
                let proven = all.last(where: \.isProven)
                return [
                    PostureItem(
                        "base-backups", cis: "7.3", whole != nil,
                        whole.map { "\(all.count), the newest of \($0.manifest.finishedAt)" } ?? "none", source: source,
                        hint: "db-guardian backup base; `serve` makes one each schedule.base seconds"),
                    PostureItem(
                        "backup-tool", cis: "8.2", proven != nil,
                        proven.map { "db-guardian; backup \($0.manifest.id) was restored and proven" }
                            ?? "no backup was proven yet",
                        source: source, hint: "db-guardian drill"),
                ]
            } catch {
                let line = "\(error)".split(separator: "\n").first.map(String.init) ?? ""
                return [
                    PostureItem("base-backups", cis: "7.3", false, line, source: source, hint: "db-guardian backup base"),
                    PostureItem("backup-tool", cis: "8.2", false, line, source: source, hint: "db-guardian status"),
                ]
            }
        }
    }

    private func journal() async throws -> PostureItem {
        let hint = "db-guardian audit verify-journal says what; compare with another repository"
        do {
            let reports = try await FindingSource(settings, logger: logger).verifyJournals()
            let problems = reports.flatMap { one in one.problems.map { "\(one.journal): \($0.words)" } }
            return PostureItem(
                "journal", problems.isEmpty,
                problems.isEmpty
                    ? "\(reports.map { "\($0.entries)" }.joined(separator: " and ")) entries, all genuine" : problems.shown(3),
                source: reports.first?.journal, hint: hint)
        } catch {
            return PostureItem("journal", false, "\(error)".split(separator: "\n").first.map(String.init) ?? "", hint: hint)
        }
    }
}

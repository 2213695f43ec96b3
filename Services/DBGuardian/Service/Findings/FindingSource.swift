import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// Findings as a command at the prompt has them: from the database, or from the journal where that cannot be reached.
package struct FindingSource: Sendable {
    private let settings: Settings
    private let logger: Logger

    package init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    package struct Found: Sendable {
        package let findings: [Finding]
        /// Where they come from, if not from the database.
        package let note: String?
    }

    package func findings(_ filter: FindingFilter) async throws -> Found {
        do {
            return Found(findings: try await withStore { try await $0.select(filter) }, note: nil)
        } catch {
            guard settings.optional("repository.paths") != nil else { throw error }
            let all = try await Blocking.run { [settings] in try JournalBook(settings).findings() }
            let found = all.filter(filter.matches).suffix(Int(filter.limit))
            return Found(findings: Array(found), note: "from the journal, because the database does not say: \(Self.line(error))")
        }
    }

    /// Writes it to the journals first; the database gets it at once or when the guardian looks through the journal.
    /// - Throws: if one of them is not there, before anything is written.
    package func acknowledge(_ ids: [String], by: String?, note: String) async throws -> [Finding] {
        let book = try await Blocking.run { [settings] in try JournalBook(settings) }
        var known: [String: Finding] = [:]
        var databaseError: (any Error)?
        do {
            known = try await withStore { store in
                var found: [String: Finding] = [:]
                for id in ids { found[id] = try await store.named(id) }
                return found
            }
        } catch { databaseError = error }
        if ids.contains(where: { known[$0] == nil }) {
            let journalled = try await Blocking.run { try book.findings() }
            for finding in journalled where ids.contains(finding.id) { known[finding.id] = known[finding.id] ?? finding }
        }
        if let id = ids.first(where: { known[$0] == nil }) {
            throw GuardianError("there is no finding \(id)", hint: "`db-guardian audit findings` lists them")
        }
        let done = Acknowledgement(
            at: Timestamp.now.description, by: PasswordMask.masked(by ?? Self.user()),
            note: PasswordMask.masked(note.replacingOccurrences(of: "\0", with: "␀")))
        let outcome = await Self.append(ids.map { .acknowledged(id: $0, done) }, to: book)
        if let error = outcome.errors.first, !outcome.isWritten || databaseError != nil {
            throw GuardianError("the acknowledgement cannot be journalled: \(error)")
        }
        if let databaseError, book.journals.isEmpty { throw databaseError }
        if databaseError == nil {
            try await withStore { store in
                for finding in ids.compactMap({ known[$0] }) {
                    if try await !store.acknowledge(finding.id, done) {
                        try await store.put(finding)
                        _ = try await store.acknowledge(finding.id, done)
                    }
                }
                // Else the guardian has something to catch up with, and takes this along.
                if let (number, end) = outcome.first {
                    _ = try await store.advance(from: number - 1, to: end.number, code: end.code)
                }
            }
        }
        return ids.compactMap { known[$0] }
    }

    /// Each repository's journal; the first one also by what the database knows of it.
    package func verifyJournals() async throws -> [JournalReport] {
        let anchor = try? await withStore { try await $0.anchor() }
        return try await Blocking.run { [settings] in
            let journals = try JournalBook(settings).journals
            guard !journals.isEmpty else {
                throw GuardianError("there is no repository, so there is no journal", hint: "set repository.paths")
            }
            return try journals.enumerated().map { try $1.verify(known: $0 == 0 ? anchor : nil) }
        }
    }

    private static func append(_ events: [JournalEvent], to book: JournalBook) async -> JournalBook.Outcome {
        (try? await Blocking.run { book.append(events) }) ?? JournalBook.Outcome()
    }

    package func withStore<R>(_ body: (FindingStore) async throws -> R) async throws -> R {
        try await SourceServer.withConnection(settings.own("audit"), logger) {
            try await body(FindingStore($0))
        }
    }

    private static func user() -> String {
        let environment = ProcessInfo.processInfo.environment
        return environment["SUDO_USER"] ?? environment["USER"] ?? getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) }
            ?? "\(geteuid())"
    }

    private static func line(_ error: any Error) -> String {
        "\(error)".replacingOccurrences(of: "\nHINT:", with: ". HINT:").replacingOccurrences(of: "\n", with: " ")
    }
}

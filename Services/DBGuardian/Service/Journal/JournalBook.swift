import EverlineProtocol
package import EverlineService
import Foundation
import Synchronization

/// The journals of all repositories. What is written goes to each; one that cannot be written now gets it when it can again.
package final class JournalBook: Sendable {
    package let journals: [Journal]
    /// For each journal what it still lacks.
    private let waiting: Mutex<[[JournalEvent]]>
    private let writing = Mutex(())

    /// More than that is given up for the journal that has been away so long; the others have it.
    private static let mostWaiting = 10_000

    package init(_ settings: Settings) throws {
        guard settings.optional("repository.paths") != nil else {
            journals = []
            waiting = Mutex([])
            return
        }
        let keyFile = try Repositories.keyFile(settings)
        journals = try Repositories.paths(settings).map { try Journal(FolderStorage($0), keyFile: keyFile) }
        waiting = Mutex(journals.map { _ in [] })
    }

    /// How it went.
    package struct Outcome: Sendable {
        /// Of the first journal: the number of the first new entry and its end; nil if it could not be written.
        package var first: (number: Int64, end: Journal.End)?
        package var isWritten = false
        package var errors: [String] = []
        package var tampered: [String] = []
    }

    /// Writes the events, and what was left over before. **Blocks its thread.**
    package func append(_ events: [JournalEvent]) -> Outcome {
        writing.withLock { _ in
            var outcome = Outcome()
            for (index, journal) in journals.enumerated() {
                let all = waiting.withLock { $0[index] } + events
                if all.isEmpty { continue }
                do {
                    let (number, end) = try journal.append(all)
                    waiting.withLock { $0[index] = [] }
                    outcome.isWritten = true
                    if index == 0 { outcome.first = (number, end) }
                    if let what = end.tampered { outcome.tampered.append("\(journal.place): \(what)") }
                } catch {
                    waiting.withLock { $0[index] = Array(all.suffix(Self.mostWaiting)) }
                    outcome.errors.append("\(error)")
                }
            }
            return outcome
        }
    }

    package var lacks: Bool { waiting.withLock { $0.contains { !$0.isEmpty } } }

    /// Findings as the first readable journal tells them, the oldest first.
    package func findings() throws -> [Finding] {
        var failure: (any Error)?
        for journal in journals {
            do { return Self.fold(try journal.entries()) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
        return []
    }

    static func fold(_ entries: [JournalEntry]) -> [Finding] {
        var byID: [String: Finding] = [:]
        for entry in entries {
            switch entry.event {
            case .finding(let finding):
                let done = byID[finding.id]?.acknowledgement
                if finding.count >= byID[finding.id]?.count ?? 0 { byID[finding.id] = finding }
                if let done { byID[finding.id]?.acknowledgement = done }
            case .acknowledged(let id, let done): byID[id]?.acknowledgement = done
            case .tampered, .hardened: break
            }
        }
        return byID.values.sorted { ($0.lastAt, $0.id) < ($1.lastAt, $1.id) }
    }
}

import EverlineProtocol
package import EverlineService
import Foundation

/// What `verify` prints.
package struct VerificationReport: Encodable, Sendable {
    package let ok: Bool
    package let problems: [Problem]
    /// How many files were read.
    package let read: Int

    private enum CodingKeys: String, CodingKey { case ok, problems }

    package struct Problem: Codable, Sendable, Equatable {
        /// The file's path, or what else is wrong.
        package let artefact: String
        package let problem: String
    }

    fileprivate init(_ findings: Findings) {
        ok = findings.problems.isEmpty
        problems = findings.problems
        read = findings.read
    }
}

/// What has been found so far.
private final class Findings {
    var problems: [VerificationReport.Problem] = []
    var read = 0

    func add(_ artefact: String, _ problem: String) {
        let one = VerificationReport.Problem(
            artefact: artefact, problem: problem.replacingOccurrences(of: "\nHINT:", with: ". HINT:"))
        if !problems.contains(one) { problems.append(one) }
    }
}

/// Reads everything and names what is not as it was written. It goes on after a problem.
package struct Verification: Sendable {
    private let wanted: String?
    private let progress: JobProgress

    /// - Parameter only: one backup's id; nil for all there is.
    /// - Throws: what is wrong with the request; what is wrong with a repository is a problem of the report.
    package static func run(_ settings: Settings, only: String?, progress: JobProgress) throws -> VerificationReport {
        let findings = Findings()
        let verification = Verification(wanted: settings.optional("repository.system"), progress: progress)
        var found = false
        for path in try Repositories.paths(settings) {
            do {
                let repository = try Repositories.open(path, settings)
                found = try verification.look(at: repository, only: only, findings) || found
            } catch let error as CancellationError {
                throw error
            } catch let error as DamageError {
                findings.add("\(path)/\(error.artefact)", error.problem)
            } catch {
                findings.add(path, "\(error)")
            }
        }
        if let only, !found, findings.problems.isEmpty {
            findings.add(only, "there is no backup \(only). HINT: `db-guardian backup list`")
        }
        try Task.checkCancellation()
        return VerificationReport(findings)
    }

    /// - Returns: whether the backup that was asked for is there.
    private func look(at repository: Repository, only: String?, _ report: Findings) throws -> Bool {
        var found = false
        for system in try repository.systems() where wanted == nil || wanted == system.identifier {
            for id in try Catalogue(system).ids() where only == nil || only == id {
                found = true
                backup(id, system, report)
            }
            if only != nil { continue }
            attempt(system.root, repository, report) {
                for id in try Catalogue(system).missing() {
                    report.add("\(repository.storage.place)/\(system.backups)/\(id)", "it is missing, or its manifest is")
                }
            }
            attempt("\(system.root)/\(LedgerList.name)", repository, report) {
                for id in try LedgerShelf(system).missing() {
                    report.add("\(repository.storage.place)/\(LedgerShelf.name(id, system))", "it is missing")
                }
            }
            for name in ["catalogue.json", "wal.json", ArchivedWAL.name, LedgerList.name, "pruned.json", "system.json"] {
                file("\(system.root)/\(name)", repository, document: true, report)
            }
            let watch = WatchStore.folder(system.identifier)
            for (folder, documents) in [(system.ledger, true), (system.drills, true), (watch, true), (system.aside, false)] {
                for name in try repository.storage.list(folder) {
                    file("\(folder)/\(name)", repository, document: documents, report)
                }
            }
            wal(system, report)
        }
        if only == nil { journal(repository, report) }
        return found
    }

    // MARK: Parts

    private func journal(_ repository: Repository, _ report: Findings) {
        guard let storage = repository.storage as? FolderStorage else { return }
        attempt(Journal.folderName, repository, report) {
            let found = try Journal(storage, keys: repository.keys).verify()
            let head = "\(found.journal.folder)/\(JournalHead.name)"
            for problem in found.problems { report.add(problem.problem.hasPrefix(head) ? head : found.journal, problem.words) }
        }
    }

    private func backup(_ id: String, _ system: System, _ report: Findings) {
        let repository = system.repository
        let folder = "\(system.backups)/\(id)"
        let before = report.problems.count
        var manifest: BackupManifest?
        attempt("\(folder)/\(BackupManifest.name)", repository, report) {
            manifest = try repository.document("\(folder)/\(BackupManifest.name)")
        }
        var isComplete = true
        if manifest == nil, report.problems.count == before {
            // The beginning of a backup that was not finished counts for nothing.
            guard (try? Catalogue(system).unfinished())?.contains(id) != true else { return }
            report.add(
                "\(repository.storage.place)/\(folder)/\(BackupManifest.name)",
                "it is missing (`db-guardian backup rebuild` makes it anew)")
            isComplete = false
        }
        for name in [BackupFinding.verifiedName, BackupFinding.provenName] {
            file("\(folder)/\(name)", repository, document: true, report)
        }
        file("\(folder)/\(BackupManifest.copyName)", repository, document: false, mustExist: true, report)
        for one in manifest?.files ?? [] {
            progress.step(.reading, ["file": .text("\(folder)/\(one.name)")])
            file("\(folder)/\(one.name)", repository, document: false, mustExist: true, bytes: one.bytes, report)
        }
        guard isComplete, manifest != nil else { return }
        let problems = report.problems[before...].map { "\($0.artefact): \($0.problem)" }
        attempt("\(folder)/\(BackupFinding.verifiedName)", repository, report) {
            try Catalogue(system).note(
                BackupFinding(at: Timestamp.now.description, ok: problems.isEmpty, problems: problems),
                BackupFinding.verifiedName, of: id)
        }
    }

    private func wal(_ system: System, _ report: Findings) {
        let repository = system.repository
        attempt(system.wal, repository, report) {
            for folder in try repository.storage.list(system.wal) {
                for name in try repository.storage.list("\(system.wal)/\(folder)") {
                    progress.step(.reading, ["file": .text(name)])
                    file("\(system.wal)/\(folder)/\(name)", repository, document: false, report)
                }
            }
            let inventory = try WALInventory(system)
            for hole in inventory.holes() where hole.cause == WALInventory.missing {
                report.add(
                    "\(repository.storage.place)/\(system.wal)/\(ArchiveFile.folder(hole.segment))/\(hole.segment)", hole.cause)
            }
        }
    }

    private func file(
        _ name: String, _ repository: Repository, document: Bool, mustExist: Bool = false, bytes: Int? = nil,
        _ report: Findings
    ) {
        var problem: String?
        attempt(name, repository, report) {
            if document, name.hasSuffix(".json") {
                guard try repository.document(name, as: AnyBody.self) != nil else { return }
            } else {
                var size = 0
                guard try repository.decode(name, { size += $0.count }) != nil else {
                    if mustExist { problem = "it is missing" }
                    return
                }
                if let bytes, bytes != size { problem = "it has \(size) bytes, its manifest says \(bytes)" }
            }
            report.read += 1
        }
        if let problem { report.add("\(repository.storage.place)/\(name)", problem) }
    }

    /// Any JSON.
    private struct AnyBody: Codable {}

    private func attempt(_ name: String, _ repository: Repository, _ report: Findings, _ body: () throws -> Void) {
        do { try body() } catch let error as DamageError {
            report.read += 1
            report.add("\(repository.storage.place)/\(error.artefact)", error.problem)
        } catch is CancellationError {
            // It says nothing of the file, and ends the whole.
        } catch {
            report.add("\(repository.storage.place)/\(name)", "\(error)")
        }
    }
}

import EverlineCryptography
import EverlineProtocol
package import EverlineService
import Foundation

/// What every job that makes or removes something has: the repositories, and their lock, which one job has at a time.
package struct JobRoom: Sendable {
    package let settings: Settings
    package let repositories: Repositories
    package let progress: JobProgress
    /// False on a repository that is read-only.
    package let canWrite: Bool
    private let locks: [StorageLock]

    /// - Parameters:
    ///   - job: what it is, for whoever finds the lock taken.
    ///   - readOnlyWill: whether it can do its work where nothing can be written, and with those repositories that are there.
    /// - Throws: `BusyError` when another job has a repository.
    package init(_ job: String, _ settings: Settings, progress: JobProgress, readOnlyWill: Bool = false) async throws {
        self.settings = settings
        self.progress = progress
        repositories = try readOnlyWill ? .reachable(settings) : Repositories(settings)
        var locks: [StorageLock] = []
        var canWrite = true
        for repository in repositories.all {
            do {
                locks.append(
                    try await Self.wait(
                        for: "jobs", repository.storage, job, seconds: settings.int("repository.wait", in: 0...86_400), progress))
            } catch let error as SystemError where readOnlyWill && [EROFS, EACCES, EPERM].contains(error.number) {
                canWrite = false
            }
        }
        self.locks = locks
        self.canWrite = canWrite
    }

    /// Takes a lock, or waits for it as long as is configured.
    package static func wait(
        for name: String, _ storage: any Storage, _ job: String, seconds: Int, _ progress: JobProgress
    ) async throws -> StorageLock {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            if let lock = try storage.lock(name, shared: false, holder: job) { return lock }
            let holder = storage.holder(name) ?? "another job"
            guard ContinuousClock.now < end else { throw BusyError(place: storage.place, holder: holder) }
            progress.step(.waitingForJob, ["holder": .text(holder)])
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// A folder of its own for what is not encrypted yet; what killed jobs have left there is removed first, which the lock
    /// allows.
    package func withStaging<R>(_ body: (String) async throws -> R) async throws -> R {
        let root = settings.optional("backup.staging") ?? "\(Settings.home())/staging"
        let manager = FileManager.default
        try manager.createDirectory(atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in try manager.contentsOfDirectory(atPath: root) where name.hasPrefix("everline-staging-") {
            try manager.removeItem(atPath: "\(root)/\(name)")
        }
        let folder = "\(root)/everline-staging-\(Hex.encode(try SecureRandom.bytes(6)))"
        try manager.createDirectory(atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let result: R
        do {
            result = try await body(folder)
        } catch {
            try? manager.removeItem(atPath: folder)
            throw error
        }
        try manager.removeItem(atPath: folder)
        return result
    }

    /// Takes away what killed backups have left: the lock says that nobody is at it.
    package func clearLeftovers(_ system: String) throws {
        for repository in repositories.all {
            let catalogue = Catalogue(repository.system(system))
            try catalogue.begin()
            for id in try catalogue.unfinished() { try repository.storage.remove("\(catalogue.system.backups)/\(id)") }
            let system = catalogue.system
            var folders = ["", system.root, system.ledger, system.drills]
            for parent in [system.wal, system.backups] {
                folders += try repository.storage.list(parent).map { "\(parent)/\($0)" }
            }
            folders.forEach(repository.storage.sweep)
        }
    }

    package func newID(_ kind: BackupKind) throws -> String {
        "\(Timestamp.now.compact)-\(kind.rawValue)-\(Hex.encode(try SecureRandom.bytes(2)))"
    }
}

/// Another job has the repository.
package struct BusyError: Said, CustomStringConvertible {
    private let place: String
    private let holder: String

    package init(place: String, holder: String) {
        self.place = place
        self.holder = holder
    }
    package var description: String {
        "\(place) is in use by: \(holder)\nHINT: wait for it to end; the lock goes with its process"
    }
    package var said: (kind: Saying.Kind, values: [String: Saying.Value]) {
        (.busy, ["place": .text(place), "holder": .text(holder)])
    }
}

/// What a person at a terminal sees of a job that goes on; nothing when nobody looks.
package final class JobProgress: Sendable {
    private let show: @Sendable (Saying) -> Void

    package init(show: @escaping @Sendable (Saying) -> Void) { self.show = show }
    package static let none = JobProgress { _ in }

    package func step(_ kind: Saying.Kind, _ values: [String: Saying.Value] = [:]) { show(Saying(kind, values)) }

    /// What is only said at a prompt.
    package func step(_ text: String) { show(Saying(.other, text: text)) }

    /// For a count that rises quickly: only each sixteenth mebibyte.
    package func bytes(_ what: Saying.Kind, _ done: Int) {
        if done >> 24 != max(0, done - (256 << 10)) >> 24 { step(what, ["mebibytes": .count(done >> 20)]) }
    }
}

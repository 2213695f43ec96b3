import Foundation

/// `wal push`: the file that PostgreSQL asks for goes to every repository. One file a call: its chunks keep all processors busy, and taking along what waits
/// behind it was measured to win nothing.
package struct WALPush: Sendable {
    private let repositories: [Repository]
    private let lost: [Repositories.Lost]

    package init(_ repositories: Repositories) {
        self.repositories = repositories.all
        lost = repositories.lost
    }

    /// A repository that cannot take it keeps it from none of the others, though PostgreSQL keeps it until all have it.
    /// - Returns: what became of it in each repository.
    /// - Throws: the first error, when each that can has it.
    package func push(_ path: String) throws -> [WALArchive.Outcome] {
        let file = try IncomingWAL(path: path)
        var failure = lost.first?.error
        var outcomes: [WALArchive.Outcome] = []
        var took: [Repository] = []
        for repository in repositories {
            do {
                try pushHistory(of: file, beside: path, to: repository)
                outcomes.append(try WALArchive(repository).push(file))
                took.append(repository)
            } catch { failure = failure ?? error }
        }
        // It is archived, whether or not that can be noted: on a full disk PostgreSQL would send it for ever.
        for repository in took { try? ArchivedWAL.note([file.segment].compactMap { $0 }, repository.system(file.system)) }
        if let failure { throw failure }
        return outcomes
    }

    /// A timeline that began while archiving was off, as a restore's does, has never sent its history; without it nobody knows
    /// what it branched off from.
    private func pushHistory(of file: IncomingWAL, beside path: String, to repository: Repository) throws {
        let timeline = ArchiveFile.folder(file.name)
        let name = "\(timeline).history"
        let history = path.folder.isEmpty ? name : "\(path.folder)/\(name)"
        guard ArchiveFile(file.name) == .segment, timeline != "00000001", access(history, R_OK) == 0 else { return }
        let system = try WALArchive(repository).admit(file.system)
        if try repository.storage.size("\(system.wal)/\(timeline)/\(name)") != nil { return }
        _ = try WALArchive(repository).push(try IncomingWAL(path: history))
    }
}

/// Ends the process with a code when something takes too long, as a mount that hangs: PostgreSQL's archiver waits for its
/// command without limit.
package enum Watchdog {
    package static func start(seconds: Int, what: String, code: Int32) {
        let thread = Thread {
            Thread.sleep(forTimeInterval: Double(seconds))
            FileHandle.standardError.write(Data("error: \(what) took over \(seconds) s and was given up\n".utf8))
            _exit(code)
        }
        thread.start()
    }
}

import Foundation

/// `wal push`: the file that PostgreSQL asks for goes to every repository; what waits behind it goes along, so that a burst is
/// not paid for by
/// one process a segment.
package struct WALPush: Sendable {
    private let repositories: [Repository]
    private let lost: [Repositories.Lost]

    /// How many of the files that wait are taken along: more are not done sooner on few cores, and PostgreSQL counts them as
    /// waiting meanwhile.
    private static let ahead = 2

    package init(_ repositories: Repositories) {
        self.repositories = repositories.all
        lost = repositories.lost
    }

    /// A repository that cannot take it keeps it from none of the others, though PostgreSQL keeps it until all have it.
    /// - Returns: what became of it in each repository.
    /// - Throws: the first error, when each that can has it.
    package func push(_ path: String) throws -> [WALArchive.Outcome] {
        if lost.isEmpty, TakenAlong.recall(path, repositories) { return repositories.map { _ in .knownAlready } }
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
        // What was known already had been taken along by a call before, which is to be used up first.
        let ahead = failure == nil && outcomes.contains(.archived) ? pushAhead(of: path, system: file.system) : []
        let done = [file.segment].compactMap { $0 } + ahead
        // It is archived, whether or not that can be noted: on a full disk PostgreSQL would send it for ever.
        for repository in took { try? ArchivedWAL.note(done, repository.system(file.system)) }
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

    /// In all repositories; one that cannot tell is asked to take it.
    private func isThere(_ name: String, _ system: String) -> Bool {
        repositories.allSatisfy { repository in
            let path = "\(repository.system(system).wal)/\(ArchiveFile.folder(name))/\(name)"
            return (try? repository.storage.size(path)) ?? nil != nil
        }
    }

    /// Best effort: whatever fails here PostgreSQL asks for again, and is told then.
    /// - Returns: those that are in every repository now.
    private func pushAhead(of path: String, system: String) -> [SegmentName] {
        let folder = path.folder
        let mine = path.lastName
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/archive_status") else { return [] }
        let waiting = names.filter { $0.hasSuffix(".ready") }.map { String($0.dropLast(6)) }
            .filter { ArchiveFile($0) == .segment && $0 > mine && !isThere($0, system) }.sorted().prefix(Self.ahead)
        var done: [SegmentName] = []
        // One after the other: each keeps all processors busy by itself.
        for name in waiting {
            let path = "\(folder)/\(name)"
            guard let source = TakenAlong.Source(path), let file = try? IncomingWAL(path: path),
                repositories.allSatisfy({ (try? WALArchive($0).push(file)) != nil })
            else { continue }
            TakenAlong.keep(path, source, as: WALArchive.name(of: file), repositories)
            if let segment = file.segment { done.append(segment) }
        }
        return done
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

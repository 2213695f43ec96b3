import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// `wal receive`: the WAL as it is written, by pg_receivewal into a folder of ours, and from there each second into the
/// repositories. So at most a second is at risk, where the archive
/// alone waits for a whole segment.
package struct WALReceive: Sendable {
    private let repositories: Repositories
    private let tools: PostgresTools
    private let folder: String
    private let conninfo: String
    private let passwordFile: String
    private let application: String
    private let logger: Logger

    /// A whole segment that the archiver has not brought by then is archived from the stream.
    private static let patience: TimeInterval = 120

    package init(_ settings: Settings, logger: Logger) throws {
        repositories = try Repositories(settings)
        tools = try PostgresTools(settings)
        folder = settings.optional("receive.folder") ?? "\(Settings.home())/staging/receive"
        conninfo = try settings.string("replication.conninfo")
        passwordFile = try settings.string("replication.passwordFile")
        application = settings.applicationName("wal receive")
        self.logger = logger
    }

    /// Goes on until the task is cancelled or the stream ends.
    package func run() async throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let locks = try repositories.all.compactMap { try $0.storage.lock("receive", shared: false, holder: "wal receive") }
        guard locks.count == repositories.all.count else {
            throw BusyError(
                place: repositories.first.storage.place, holder: repositories.first.storage.holder("receive") ?? "another")
        }
        defer { withExtendedLifetime(locks) {} }
        let password = try PasswordFile(from: passwordFile)
        let stream = RunningTool(
            tools.tool(
                "pg_receivewal",
                [
                    "--directory=\(folder)", "--no-loop", "--no-password", "--synchronous", "--status-interval=1",
                    "--dbname=\(conninfo)",
                ],
                password: password, application: application))
        var seen: [String: Date] = [:]
        while !Task.isCancelled {
            if let ended = try stream.ended {
                throw GuardianError(
                    "the stream has ended: \(ended.said)", hint: "is the server up, and is role replicator let in?")
            }
            // Being told to stop is no failure.
            do { try await Task.sleep(for: .seconds(1)) } catch { break }
            try take(&seen)
        }
        stream.signal(SIGINT)
        _ = try await stream.end(within: 5)
        // What came since the last look.
        try take(&seen)
    }

    /// What has changed since the last look goes into the repositories.
    private func take(_ seen: inout [String: Date]) throws {
        for file in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            let name = file.hasSuffix(".partial") ? String(file.dropLast(8)) : file
            guard let kind = ArchiveFile(name), kind == .segment, let changed = try changed(file) else { continue }
            if file == name, try settled(name, changed) {
                seen[file] = nil
                continue
            }
            guard seen[file] != changed else { continue }
            // It is renamed when it is whole; then it comes under its new name in the next turn.
            guard let bytes = FileManager.default.contents(atPath: "\(folder)/\(file)") else { continue }
            try publish(try IncomingWAL(name: name, kind: .segment, bytes: Array(bytes), control: nil))
            seen[file] = changed
        }
    }

    private func publish(_ file: IncomingWAL) throws {
        let information = Array(try JSONEncoder().encode(file.information))
        for repository in repositories.all {
            let system = try WALArchive(repository).admit(file.system)
            let name = "\(system.wal)/\(ArchiveFile.folder(file.name))/\(file.name)"
            if try repository.storage.size(name) != nil { continue }
            _ = try repository.encode(name + WALArchive.streamed, information: information, replacing: true) {
                try $0.write(file.bytes)
            }
        }
    }

    /// A whole segment is done with once the archiver has brought it everywhere.
    private func settled(_ name: String, _ changed: Date) throws -> Bool {
        guard let bytes = FileManager.default.contents(atPath: "\(folder)/\(name)") else { return true }
        let file = try IncomingWAL(name: name, kind: .segment, bytes: Array(bytes), control: nil)
        for repository in repositories.all {
            let system = try WALArchive(repository).admit(file.system)
            let path = "\(system.wal)/\(ArchiveFile.folder(name))/\(name)"
            if try repository.storage.size(path) == nil {
                guard Date().timeIntervalSince(changed) > Self.patience else { return false }
                logger.warning(
                    "archived from the stream, because the archiver has not brought it", metadata: ["segment": "\(name)"])
                _ = try WALArchive(repository).push(file)
                try ArchivedWAL.note([file.segment].compactMap { $0 }, system)
            }
            try repository.storage.remove(path + WALArchive.streamed)
        }
        guard unlink("\(folder)/\(name)") == 0 || errno == ENOENT else { throw SystemError("cannot remove", "\(folder)/\(name)") }
        return true
    }

    private func changed(_ file: String) throws -> Date? {
        var status = stat()
        guard stat("\(folder)/\(file)", &status) == 0 else { return nil }
        return Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9)
    }
}

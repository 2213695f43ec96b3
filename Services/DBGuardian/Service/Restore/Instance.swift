package import EverlinePostgres
package import Foundation
import Logging

/// A PostgreSQL of ours on restored files: no network, no archiving, reached only through a socket in a folder of its own, by
/// us alone; it ends with us.
package final class Instance: Sendable {
    private let running: RunningTool
    private let fetch: FetchCommand
    private let superuser: String
    private let logger = Logger(label: "instance") { _ in SwiftLogNoOpLogHandler() }

    private static let port = 5432

    /// Starts it. `ready` says when it can be asked.
    /// - Parameters:
    ///   - settings: recovery's and others; they go before those of the files.
    ///   - heard: gets the lines of its log.
    package init(
        data: String, tools: PostgresTools, fetch: FetchCommand, superuser: String, user: (user: uid_t, group: gid_t)?,
        settings: [(name: String, value: String)], heard: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        self.fetch = fetch
        self.superuser = superuser
        let folder = fetch.folder
        guard let us = getpwuid(geteuid()).map({ String(cString: $0.pointee.pw_name) }) else {
            throw GuardianError("this user has no name", hint: "run as a user that the system knows")
        }
        func name(_ text: String) -> String { "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\"" }
        for (file, text) in [
            ("pg_hba.conf", "local all all peer map=guardian\n"), ("pg_ident.conf", "guardian \(name(us)) \(name(superuser))\n"),
        ] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(file)"))
            guard chmod("\(folder)/\(file)", 0o600) == 0 else { throw SystemError("cannot close", "\(folder)/\(file)") }
            if let user, chown("\(folder)/\(file)", user.user, user.group) != 0 {
                throw SystemError("cannot give away", "\(folder)/\(file)")
            }
        }
        let own: [(name: String, value: String)] = [
            ("listen_addresses", ""), ("unix_socket_directories", folder), ("unix_socket_permissions", "0700"),
            ("port", "\(Self.port)"), ("hba_file", "\(folder)/pg_hba.conf"), ("ident_file", "\(folder)/pg_ident.conf"),
            ("external_pid_file", ""), ("ssl", "off"), ("archive_mode", "off"), ("restore_command", fetch.command),
            ("hot_standby", "on"), ("primary_conninfo", ""), ("synchronous_standby_names", ""), ("logging_collector", "off"),
            ("log_destination", "stderr"), ("log_connections", "off"), ("log_disconnections", "off"), ("autovacuum", "off"),
            ("cluster_name", "everline-restore"), ("max_wal_size", "4GB"),
            // We read its messages, and its files lie here wherever they lay before.
            ("lc_messages", "C"), ("data_directory", data),
        ]
        var tool = tools.tool("postgres", ["-D", data] + (own + settings).flatMap { ["-c", "\($0.name)=\($0.value)"] }).as(user)
        tool.deathSignal = "QUIT"
        running = RunningTool(tool, lines: heard)
    }

    /// A connection to one of its databases; the caller closes it.
    package func connect(_ database: String) async throws -> PostgresConnection {
        func quoted(_ text: String) -> String {
            "'" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'") + "'"
        }
        return try await PostgresConnection.connect(
            PostgresConfiguration(
                conninfo:
                    "host=\(quoted(fetch.folder)) port=\(Self.port) dbname=\(quoted(database)) user=\(quoted(superuser)) sslmode=disable",
                // It is in recovery, and stays so until what it came to is known.
                target: .any),
            logger: logger)
    }

    package func withConnection<R>(_ database: String, _ body: (PostgresConnection) async throws -> R) async throws -> R {
        let connection = try await connect(database)
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            try await tellIfEnded(error)
            throw error
        }
    }

    /// A lost connection says little; a server that has ended says why.
    private func tellIfEnded(_ error: any Error) async throws {
        guard let error = error as? PostgresError, error.kind == .outcomeUnknown || error.kind == .notExecuted else { return }
        let deadline = ContinuousClock.now + .seconds(1)
        while ContinuousClock.now < deadline, !Task.isCancelled {
            if let ended = try running.ended { throw Self.failure(ended) }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// How far recovery may take at most; a loop needs an end, and a day of replaying is one.
    private static let patience = Duration.seconds(86_400)

    /// Waits until it is out of recovery, or paused in it where it was told to.
    package func ready(paused: Bool = false) async throws {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            if let ended = try running.ended { throw Self.failure(ended) }
            if let there = try await isThere(paused), there { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        throw GuardianError("recovery has not ended within a day", hint: "is the repository's disk very slow?")
    }

    /// nil while it is not up yet.
    private func isThere(_ paused: Bool) async throws -> Bool? {
        let connection: PostgresConnection
        do { connection = try await connect("template1") } catch let error as PostgresError where Self.isNotUp(error) {
            return nil
        }
        do {
            let query: PostgresQuery =
                "SELECT pg_is_in_recovery(), pg_is_in_recovery() AND pg_get_wal_replay_pause_state() = 'paused'"
            let rows = try await connection.query(query)
            await connection.close()
            return try rows.decode(0, paused ? 1 : 0, as: Bool.self) == paused
        } catch {
            await connection.close()
            if let error = error as? PostgresError, error.sqlState == .cannotConnectNow { return nil }
            try await tellIfEnded(error)
            throw error
        }
    }

    /// Nobody listens yet, or the server says that it is a moment away from it (SQLSTATE 57P03, of which libpq keeps only the
    /// words). Anything else that it says would be said for ever.
    private static func isNotUp(_ error: PostgresError) -> Bool {
        guard error.kind == .notExecuted, error.message.hasPrefix("cannot connect") else { return false }
        return !error.message.contains("FATAL:") || starting.contains { error.message.contains($0) }
    }

    private static let starting = ["is starting up", "not yet accepting connections", "is shutting down", "in recovery mode"]

    /// Stops it in good order.
    package func stop() async throws {
        running.signal(SIGINT)
        let ended = try await running.end(within: 300)
        guard ended.status == 0 else { throw Self.failure(ended) }
    }

    /// Ends it without ado, when all is to be thrown away.
    package func abandon() async {
        running.signal(SIGQUIT)
        _ = try? await running.end(within: 20)
    }

    /// Why a server ended that should not have: its own fatal lines, what fetching had to say, and the end of its log.
    private static func failure(_ ended: Tool.Ended) -> GuardianError {
        // Not what it answered our own asking whether it is up.
        let lines = ended.said.split(separator: "\n").filter { line in !starting.contains { line.contains($0) } }
        let telling = lines.filter { line in ["FATAL:", "PANIC:", "db-guardian wal fetch"].contains { line.contains($0) } }.map {
            line in line.range(of: "FATAL:  ").map { String(line[$0.upperBound...]) } ?? String(line)
        }
        let how = ended.status < 0 ? "was ended by signal \(-ended.status)" : "ended with \(ended.status)"
        let why = telling.isEmpty ? "" : ": \(telling.joined(separator: "; "))"
        return GuardianError(
            "recovery failed: PostgreSQL \(how)\(why)\nits last lines: \(lines.suffix(5).joined(separator: "\n"))",
            hint: "`db-guardian backup verify` names what is damaged; nothing was left that starts")
    }
}

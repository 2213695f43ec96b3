internal import CPostgres
internal import DequeModule
internal import Glibc
internal import Logging

/// The one owner of a PGconn.
///
/// `@unchecked Sendable`: it is made on a thread of its own and then handed to the reactor; from then on only the reactor's thread calls
/// libpq with it, and `deinit` runs when nobody else can.
final class PostgresLink: @unchecked Sendable {
    private(set) var pointer: OpaquePointer?
    private let notices: NoticeSink

    private init(_ pointer: OpaquePointer, _ logger: Logger) {
        self.pointer = pointer
        notices = NoticeSink(logger)
        PQsetNoticeReceiver(
            pointer, { context, result in Unmanaged<NoticeSink>.fromOpaque(context!).takeUnretainedValue().receive(result) },
            Unmanaged.passUnretained(notices).toOpaque())
    }

    deinit { finish() }

    /// Ends the connection; a second call does nothing.
    func finish() {
        if let pointer { PQfinish(pointer) }
        pointer = nil
    }

    /// What the server said last before it ended the connection, if it said anything.
    var lastFatal: PostgresError? { notices.fatal }

    /// Connects and logs in, waiting on the calling thread: libpq resolves names, reads key files and computes SCRAM's hashes without
    /// returning, which the reactor must not wait for. And only the waiting form applies `connect_timeout` to each host in turn, so
    /// that a first host that swallows packets does not hide the second (fe-connect.c, connectDBComplete).
    static func connect(_ configuration: PostgresConfiguration, _ logger: Logger) throws(PostgresError) -> PostgresLink {
        let hosts = ConnectionHosts(configuration.conninfo)
        // Of two settings of one option the later wins, so the connection string overrides what stands before it.
        var options = [
            (
                "connect_timeout",
                "\(max(hosts.count > 1 && configuration.host == nil ? 2 : 5, configuration.connectTimeout.components.seconds))"
            ),
            ("keepalives_idle", "30"), ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "15000"),
            ("target_session_attrs", configuration.target.rawValue), ("dbname", configuration.conninfo),
            ("client_encoding", "UTF8"),
        ]
        if let name = configuration.naming?() ?? configuration.applicationName {
            options.append(("fallback_application_name", name))
        }
        if let host = configuration.host { options += hosts.options(host) }
        if let path = configuration.passwordFile { options.append(("password", try readPassword(path))) }
        let keywords = options.map { strdup($0.0) }
        let values = options.map { strdup($0.1) }
        defer { (keywords + values).forEach { free($0) } }
        let keywordPointers = keywords.map { UnsafePointer($0) } + [nil]
        let valuePointers = values.map { UnsafePointer($0) } + [nil]
        guard let pointer = PQconnectdbParams(keywordPointers, valuePointers, 1) else {
            throw PostgresError(.notExecuted, "no memory for a connection")
        }
        let link = PostgresLink(pointer, logger)
        guard PQstatus(pointer) == CONNECTION_OK else {
            throw PostgresError(.notExecuted, "cannot connect: \(message(of: pointer))")
        }
        // Reported by the server at the start of a session (PostgreSQL manual 34.2, PQparameterStatus).
        if [.readWrite, .primary].contains(configuration.target), let standby = PQparameterStatus(pointer, "in_hot_standby"),
            String(cString: standby) == "on"
        {
            throw PostgresError(.notExecuted, "cannot use this server: it is a standby, and a primary was asked for")
        }
        guard PQsetnonblocking(pointer, 1) == 0, PQenterPipelineMode(pointer) == 1 else {
            throw PostgresError(.notExecuted, "no pipeline mode: \(message(of: pointer))")
        }
        return link
    }

    /// libpq's text for the last failure, on one line.
    static func message(of pointer: OpaquePointer) -> String {
        String(cString: PQerrorMessage(pointer)).split(whereSeparator: \.isNewline).joined(separator: "; ")
    }

    /// At most 4 KiB; a final newline is not part of the password.
    private static func readPassword(_ path: String) throws(PostgresError) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw PostgresError(.notExecuted, "cannot read the password file \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { throw PostgresError(.notExecuted, "the password file \(path) is empty or unreadable") }
        var text = bytes[..<count]
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        if text.last == UInt8(ascii: "\r") { text.removeLast() }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Takes what the server says outside of results: notices, and the reason why it ends an idle connection. Called by libpq on whichever
/// thread is in it at the time, one at a time.
private final class NoticeSink {
    private let logger: Logger
    private(set) var fatal: PostgresError?

    init(_ logger: Logger) { self.logger = logger }

    func receive(_ result: OpaquePointer?) {
        guard let result else { return }
        let notice = PostgresError(.outcomeUnknown, result: result)
        if PostgresError.isFatal(result) { fatal = notice }
        logger.debug(
            "postgres notice",
            metadata: [
                "severity": "\(PostgresError.severity(of: result) ?? "")", "sqlstate": "\(notice.sqlState?.rawValue ?? "")",
                "message": "\(notice.message)",
            ])
    }
}

package import EverlinePostgres

/// The log over SQL, by the functions that `roles` has made for the role of the watch (WatchAccess).
package struct SQLLogSource: LogSource {
    private let session: PostgresSession

    package init(_ session: PostgresSession) { self.session = session }

    package func list() async throws -> [LogFile] {
        let rows = try await session.query(
            """
            SELECT name, size, extract(epoch FROM modification)::bigint FROM pg_ls_logdir() WHERE name LIKE '%.json'
            ORDER BY modification, name
            """)
        return try rows.map { LogFile(name: try $0[0].decode(), size: try $0[1].decode(), modified: try $0[2].decode()) }
    }

    private static let read = PostgresStatement(
        "SELECT name, size, content FROM everline_watch.read_log($1, $2, $3, $4, $5)")

    package func read(_ marks: [LogMark]) async throws -> LogNews {
        let rows = try await session.execute(
            Self.read,
            [
                marks.map(\.name), marks.map(\.offset), marks.map(\.overlap), LogLimits.piece, Int64(LogLimits.files),
            ], deadline: .seconds(10))
        var news = LogNews()
        for row in rows {
            let name: String = try row[0].decode()
            let size: Int64 = try row[1].decode()
            if size < 0 {
                news.gone.append(name)
            } else {
                news.pieces.append(.init(name: name, size: size, bytes: try row[2].decode(as: [UInt8]?.self) ?? []))
            }
        }
        return news
    }
}

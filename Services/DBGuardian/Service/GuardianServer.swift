import EverlineLines
package import EverlinePostgres
import EverlineProtocol
package import EverlineService
import NIOPosix

/// `db-guardian serve`: for now it keeps an eye on whether the database answers and its schema is the newest.
package enum GuardianServer {
    package static func serve(_ settings: Settings) async throws {
        let process = try ServiceProcess("db-guardian", settings)
        let pool = PostgresPool(configuration: try settings.postgres(service: "db-guardian"), logger: process.logger)
        let newest = Int64(try MigrationFiles.read(try settings.string("migrations.root")).count)
        // Reached over mTLS alone; it has no methods of its own yet.
        let server = try await LineServer(
            host: try settings.string("listen.host"), port: try settings.port("listen.port"),
            tls: try settings.tls().serverContext(.required), table: MethodTable<Caller>(translate: process.translate),
            group: MultiThreadedEventLoopGroup.singleton, logger: process.logger)
        try await process.run([Part.ending { await pool.shutdown() }, Part.ending { await server.shutdown() }]) {
            let applied = try? await pool.query("SELECT coalesce(max(number), 0) FROM everline.migrations", deadline: .seconds(2))
                .decode(0, 0, as: Int64.self)
            return [("postgres", applied != nil), ("schema", applied == newest)]
        }
    }

    package static func superuser(_ settings: Settings) throws -> PostgresConfiguration {
        PostgresConfiguration(
            conninfo: try settings.string("roles.conninfo"), passwordFile: settings.optional("roles.passwordFile"),
            applicationName: "db-guardian roles")
    }
}

/// What a command prints for a program.
package enum Report {
    /// `{"name":["…"]}`
    package static func json(_ name: String, _ lines: [String]) -> String {
        var writer = JSONWriter()
        writer.write(JSON.object([.init(key: name, value: .array(lines.map(JSON.string)))]))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

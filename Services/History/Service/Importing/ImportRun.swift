import EverlinePostgres
package import EverlineService
package import Logging

/// An import at the prompt.
package enum ImportRun {
    package static func with(_ settings: Settings, logger: Logger, _ body: (ImportStore) async throws -> Void) async throws {
        guard let conninfo = settings.optional("import.conninfo") else {
            throw ConfigurationError(
                "importing writes as the owner of the tables\nHINT: set import.conninfo and import.passwordFile")
        }
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(
                conninfo: conninfo, passwordFile: settings.optional("import.passwordFile"), applicationName: "history import"),
            logger: logger, deadline: .seconds(30))
        do {
            try await body(ImportStore(connection))
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}

package import ArgumentParser
import EverlineCryptography
import Foundation

/// Options of every command that reads the configuration.
package struct ServiceOptions: ParsableArguments {
    @Option(help: "Read this JSON file instead of EVERLINE_HOME/config/SERVICE.json.")
    package var config: String?

    @Argument(parsing: .allUnrecognized, help: "Keys of the configuration, as --key value; `config` lists them.")
    package var overrides: [String] = []

    package init() {}

    package func settings(_ service: String, _ declared: [Setting]) async throws -> Settings {
        Libcrypto.stayUntilTheEnd()
        do {
            return try await Settings(service: service, declared: declared, arguments: overrides, file: config)
        } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        }
    }
}

/// Says what went wrong and ends with a code that is documented: 64 usage, 69 something is not reachable, 70 an internal error, 1 refused.
package func failing(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let error as ExitCode {
        throw error
    } catch let error as ValidationError {
        throw error
    } catch {
        FileHandle.standardError.write(Data("error: \(error)\n".utf8))
        throw ExitCode(1)
    }
}

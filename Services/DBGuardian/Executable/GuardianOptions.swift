import ArgumentParser
import EverlineService
import Foundation
import GuardianService

/// Options of the commands that take arguments of their own: keys of the configuration are given by file and environment, and
/// those of the
/// repository also as flags.
struct GuardianOptions: ParsableArguments {
    @Option(help: "Read this JSON file instead of EVERLINE_HOME/config/db-guardian.json.") var config: String?
    @Option(help: "Folder of the repository; several with commas between.") var repositoryPaths: String?
    @Option(help: "The key file.") var repositoryKeyFile: String?
    @Option(help: "on or off: only for a repository that was made without.") var repositoryEncryption: String?
    @Option(help: "System identifier, if the repository has several clusters.") var repositorySystem: String?
    @Option(help: "Folder of PostgreSQL's programs.") var toolsFolder: String?
    @Option(parsing: .unconditionalSingleValue, help: "Any key of the configuration, as key=value; may be repeated.") var set:
        [String] = []

    func settings() async throws -> Settings {
        var options = ServiceOptions()
        options.config = config
        let given = [
            ("--repository-paths", repositoryPaths), ("--repository-key-file", repositoryKeyFile),
            ("--repository-encryption", repositoryEncryption), ("--repository-system", repositorySystem),
            ("--tools-folder", toolsFolder),
        ]
        options.overrides = given.flatMap { flag, value in value.map { [flag, $0] } ?? [] }
        for pair in set {
            guard let at = pair.firstIndex(of: "=") else { throw ValidationError("--set takes key=value, not \(pair)") }
            options.overrides += [Setting(String(pair[..<at]), "").flag, String(pair[pair.index(after: at)...])]
        }
        return try await options.settings("db-guardian", GuardianSettings.all)
    }
}

/// Of the commands that make a backup.
struct PackingOptions: ParsableArguments {
    @Option(help: "zstd or lz4 (instead of repository.compression).") var compression: String?

    func settings(_ options: GuardianOptions) async throws -> Settings {
        var options = options
        if let compression {
            guard ["zstd", "lz4"].contains(compression) else { throw ValidationError("--compression is zstd or lz4") }
            options.set.append("repository.compression=\(compression)")
        }
        return try await options.settings()
    }
}

package import EverlineService
import Foundation

/// All repositories of the configuration. What is written goes to each; what is read comes from the first that has it whole.
package struct Repositories: Sendable {
    package let all: [Repository]
    /// The cluster's system identifier, where one is named.
    package let wanted: String?

    package init(_ settings: Settings) throws {
        let paths = try Self.paths(settings)
        guard !paths.isEmpty else {
            throw ConfigurationError("repository.paths names no folder. HINT: give one, or several with commas between")
        }
        self.init(try paths.map { try Self.open($0, settings) }, wanted: settings.optional("repository.system"))
    }

    private init(_ all: [Repository], wanted: String?) {
        self.all = all
        self.wanted = wanted
    }

    /// One of those of the configuration.
    package static func open(_ path: String, _ settings: Settings) throws -> Repository {
        try Repository(
            FolderStorage(path), keyFile: try keyFile(settings),
            compression: try Compression(setting: settings.string("repository.compression")))
    }

    /// This one alone.
    package func only(_ repository: Repository) -> Repositories { Repositories([repository], wanted: wanted) }

    package static func paths(_ settings: Settings) throws -> [String] {
        try settings.string("repository.paths").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
    }

    /// nil when encryption is switched off.
    package static func keyFile(_ settings: Settings) throws -> String? {
        switch try settings.string("repository.encryption") {
        case "on": return try settings.string("repository.keyFile")
        case "off": return nil
        case let other: throw ConfigurationError("repository.encryption is on or off, not \"\(other)\"")
        }
    }

    package var first: Repository { all[0] }

    /// The system in each repository.
    package func systems() throws -> [System] { try all.map { try $0.onlySystem(wanted) } }

    /// The first answer that is not nil, from the repositories in order. When one cannot tell, the others are asked, and its
    /// error counts only if none
    /// of them has an answer.
    package func firstAnswer<Answer>(_ ask: (Repository) throws -> Answer?) throws -> Answer? {
        var failure: (any Error)?
        for repository in all {
            do {
                if let answer = try ask(repository) { return answer }
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return nil
    }
}

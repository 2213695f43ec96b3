package import EverlineService
import Foundation

/// All repositories of the configuration. What is written goes to each; what is read comes from the first that has it whole.
package struct Repositories: Sendable {
    package let all: [Repository]
    /// The cluster's system identifier, where one is named.
    package let wanted: String?
    /// Those that could not be opened; none unless they may be done without (`reachable`).
    package let lost: [Lost]

    package struct Lost: Sendable {
        package let place: String
        package let error: any Error

        /// One line.
        package var words: String {
            let why = "\(error)".replacingOccurrences(of: "\nHINT:", with: ". HINT:")
            return why.contains(place) ? why : "\(place): \(why)"
        }
    }

    package init(_ settings: Settings) throws {
        self.init(try Self.named(settings).map { try Self.open($0, settings) }, wanted: settings.optional("repository.system"))
    }

    private init(_ all: [Repository], wanted: String?, lost: [Lost] = []) {
        self.all = all
        self.wanted = wanted
        self.lost = lost
    }

    /// Those that can be opened: several are kept so that one may be gone.
    /// - Throws: why the first could not be opened, if none could.
    package static func reachable(_ settings: Settings) throws -> Repositories {
        var all: [Repository] = []
        var lost: [Lost] = []
        for path in try named(settings) {
            do { all.append(try open(path, settings)) } catch {
                lost.append(Lost(place: FolderStorage(path).place, error: error))
            }
        }
        if all.isEmpty, let first = lost.first { throw first.error }
        return Repositories(all, wanted: settings.optional("repository.system"), lost: lost)
    }

    private static func named(_ settings: Settings) throws -> [String] {
        let paths = try paths(settings)
        guard !paths.isEmpty else {
            throw ConfigurationError("repository.paths names no folder. HINT: give one, or several with commas between")
        }
        return paths
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

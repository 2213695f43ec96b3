package import EverlineService
package import Logging

/// The baselines as they lie beside the backups.
package struct BaselineFile: Sendable {
    private let repository: Repository
    private let store: WatchStore

    package init(_ settings: Settings, logger: Logger) async throws {
        repository = try Repositories(settings).first
        let system = try await SourceServer.system(try settings.watch(), logger: logger)
        store = WatchStore(repository, system: system)
    }

    package func baselines() throws -> Baselines { try store.baselines() ?? Baselines() }

    /// - Parameter role: nil for all.
    /// - Returns: whose were forgotten.
    package func forget(_ role: String?) async throws -> [String] {
        // A running watch would write back what it knows.
        guard let lock = try repository.storage.lock("watch", shared: false, holder: "audit baselines") else {
            throw BusyError(place: repository.storage.place, holder: repository.storage.holder("watch") ?? "audit watch")
        }
        defer { withExtendedLifetime(lock) {} }
        var known = try baselines()
        let names = known.forget(role)
        try await store.keep(known)
        return names
    }
}

/// What the watch must remember to lose and repeat nothing, kept beside the backups: `watch/SYSTEM/state.json`.
struct WatchState: Codable, Sendable, Equatable {
    var files: [LogFollower.File] = []
    var sessions: [SerialCheck.Session] = []
    /// What was recorded earlier is not judged: when the watch began, in milliseconds since 1970 by the server's clock.
    var since: Int64 = 0
    /// Where the file ended then that was being written; what stands before that was recorded earlier, whatever the clock says.
    var past: Past?
    /// What rules have counted, by rule.
    var bursts: [String: [Burst]]?
    /// The newest row of everline.login_log that was seen.
    var login: Int64 = 0
    /// Statements whose effect on the catalogue may not have been seen yet.
    var deeds: [Deeds.Deed] = []
    /// Whose each of the guardian's names is that is good for one session, and may still be tried by another.
    var owners: [String: SessionID]?

    struct Past: Codable, Sendable, Equatable {
        var file: String
        var size: Int64
    }
}

/// The catalogues as they were seen last: `watch/SYSTEM/catalogue.json`.
struct KnownCatalogue: Codable, Sendable, Equatable {
    /// Raised whenever SnapshotQueries gives other attributes.
    static let form = 5

    /// Which attributes there are; one of another form cannot be compared with.
    var form: Int? = KnownCatalogue.form
    var cluster = Snapshot()
    var databases: [String: Snapshot] = [:]
    /// When the last look at each database began, by the server's clock.
    var looks: [String: Int64] = [:]
}

/// Where both lie. What is kept has been raised before.
struct WatchStore: Sendable {
    private let repository: Repository
    private let folder: String

    init(_ repository: Repository, system: String) {
        self.repository = repository
        folder = Self.folder(system)
    }

    static func folder(_ system: String) -> String { "watch/\(system)" }

    func state() throws -> WatchState? { try repository.document("\(folder)/state.json") }
    func catalogue() throws -> KnownCatalogue? { try repository.document("\(folder)/catalogue.json") }
    func baselines() throws -> Baselines? { try repository.document("\(folder)/baselines.json") }

    func keep(_ state: WatchState) async throws { try await write(state, "state.json") }
    func keep(_ catalogue: KnownCatalogue) async throws { try await write(catalogue, "catalogue.json") }
    func keep(_ baselines: Baselines) async throws { try await write(baselines, "baselines.json") }

    private func write(_ body: some Codable & Sendable, _ name: String) async throws {
        let (repository, folder) = (repository, folder)
        try await Blocking.run { try repository.write(body, to: "\(folder)/\(name)") }
    }
}

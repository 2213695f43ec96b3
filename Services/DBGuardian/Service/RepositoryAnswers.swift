import EverlineLines
import EverlineProtocol
import EverlineService
import Foundation

/// What is told, and begun, of backups on the wire.
struct RepositoryAnswers: Sendable {
    let settings: Settings
    let board: JobBoard

    /// Who may have something begun; the gateway lets only admins through.
    private static let acting: Set<Peer> = [.messageGateway]
    private static let mostDrills = 50

    func register(in table: inout MethodTable<Caller>) {
        table.registerRaw(GuardianBackups.self) { _, _ in
            try await look("backups") { try BackupList($0).lines }
        }
        table.registerRaw(GuardianWindows.self) { _, _ in
            try await look("windows") { repositories -> [Window] in
                guard try !repositories.first.systems().isEmpty else { return [] }
                return try Windows(repositories.first.onlySystem(repositories.wanted)).all()
            }
        }
        table.registerRaw(GuardianDrills.self) { _, _ in
            try await look("drills") { repositories -> [DrillResult] in
                let found = try repositories.all.filter { try !$0.systems().isEmpty }.flatMap { repository in
                    try DrillRecords(repository.onlySystem(repositories.wanted)).newest(Self.mostDrills)
                }
                return Array(found.sorted { $0.at < $1.at }.suffix(Self.mostDrills))
            }
        }
        table.register(GuardianBackup.self, from: Self.acting) { wanted, _ in
            JobBegun(job: try await ask(["backup", wanted.kind]))
        }
        table.register(GuardianDrill.self, from: Self.acting) { _, _ in JobBegun(job: try await ask(["drill"])) }
        table.registerRaw(GuardianJobs.self) { _, _ in try Self.object("jobs", await board.entries) }
    }

    private func ask(_ verb: [String]) async throws -> String {
        guard settings.optional("repository.paths") != nil else {
            throw RPCError(.unavailable, detail: "no repository is configured")
        }
        return try await board.ask(verb)
    }

    /// On a thread of its own: it reads many small files, perhaps over a network.
    private func look<Found: Encodable & Sendable>(
        _ name: String, _ body: @escaping @Sendable (Repositories) throws -> [Found]
    ) async throws -> [UInt8] {
        let settings = settings
        return try Self.object(name, try await Blocking.run { try body(.reachable(settings)) })
    }

    private static func object(_ name: String, _ list: [some Encodable]) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Array("{\"\(name)\":".utf8) + encoder.encode(list) + Array("}".utf8)
    }
}

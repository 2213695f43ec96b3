import EverlinePostgres
import EverlineProtocol
import Synchronization

/// Ids of rooms by name. A room keeps both for as long as history is not turned back; so who uses one checks it in the statement that reads.
final class RoomNumbers: Sendable {
    private let pool: PostgresPool
    private let known = Mutex<[String: Int64]>([:])

    private static let bound = 10_000
    private static let select = PostgresStatement("SELECT id FROM everline.rooms WHERE name = $1")

    init(pool: PostgresPool) { self.pool = pool }

    /// - Throws: `room.not_found`
    func id(of name: String, _ patience: Duration) async throws -> Int64 {
        if let id = known.withLock({ $0[name] }) { return id }
        return try await look(for: name, patience)
    }

    /// The same, asked of the database.
    func look(for name: String, _ patience: Duration) async throws -> Int64 {
        guard let id: Int64 = try await pool.execute(Self.select, [name], deadline: .after(patience)).first?[0].decode() else {
            known.withLock { $0[name] = nil }
            throw RPCError(.roomNotFound)
        }
        known.withLock { known in
            if known.count >= Self.bound { known = [:] }
            known[name] = id
        }
        return id
    }
}

import EverlineCryptography
import EverlinePostgres
import Foundation

/// The room in which admins are told. Written by the database's own append, under the room's lock as every message is, and not through a gateway: so it
/// works while no gateway runs, and the guardian needs no session, whose secret it would have to keep. The gateways see the room's counter rise and deliver.
struct OpsRoom: Channel {
    let name = "room"
    let minimum: Severity
    let batch = 20
    private let room: String
    private let pool: PostgresPool

    private static let shownInFull = 3
    /// So that it fits a message (16 KiB) in any script.
    private static let longest = 4_000

    init(_ room: String, pool: PostgresPool, minimum: Severity) {
        self.room = room
        self.pool = pool
        self.minimum = minimum
    }

    func tell(_ findings: [Finding]) async throws {
        let place: PostgresRows
        do {
            place = try await pool.query("SELECT room_id, sender_id FROM everline.ops_room(\(room))", neverCancel: true)
        } catch let error as PostgresError where error.sqlState == "EV010" {
            throw ChannelRefusal("the room \(room) is somebody else's. HINT: set audit.room to another name")
        }
        let id: Int64 = try place.decode(0, 0)
        let sender: Int64 = try place.decode(0, 1)
        let epoch: String = try await pool.query("SELECT everline.current_epoch()").decode(0, 0)
        let answers = try await pool.query(
            """
            SELECT status FROM everline.append(\(epoch), \([id]), \([sender]), \([Self.clientID(findings)]), \([Self.text(findings)]),
                ARRAY[NULL]::bigint[])
            """, neverCancel: true)
        let status: Int32 = try answers.decode(0, 0)
        guard status <= 1 else { throw ChannelRefusal("the room \(room) cannot be written: status \(status)") }
    }

    /// The same for the same findings, so that telling again after a lost answer changes nothing.
    private static func clientID(_ findings: [Finding]) -> PostgresUUID {
        let named = findings.map { "\($0.id) \($0.severity.rawValue) \($0.destroyedAt ?? "")" }.joined(separator: "\n")
        let digest = DigestAlgorithm.sha256.digest("everline ops\n\(named)")
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return PostgresUUID(high: number(digest[..<8]), low: number(digest[8..<16]))
    }

    /// Findings of a burst beyond the first few have one line each.
    static func text(_ findings: [Finding]) -> String {
        let full = findings.prefix(shownInFull).map { finding in
            ([finding.title] + finding.description.split(separator: "\n").dropFirst().map(String.init)
                + ["  db-guardian audit ack \(finding.id) --note …"]).joined(separator: "\n")
        }
        let more = findings.dropFirst(shownInFull).map { "\($0.title) \($0.id)" }
        return (full + more).joined(separator: "\n").shortened(to: longest)
    }
}

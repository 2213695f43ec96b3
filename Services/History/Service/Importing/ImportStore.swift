import EverlineCryptography
package import EverlinePostgres
package import EverlineProtocol
import Foundation

/// A message that comes from elsewhere.
package struct ImportedMessage: Sendable {
    package var sender: String
    package var body: String
    package var sentAt: Timestamp
    package var clientID: WireUUID
    package var replyTo: Int64?
    package var editedAt: Timestamp?
    package var deleted = false
    /// Who reacted, and how.
    package var reactions: [(reaction: String, user: String)] = []

    package init(sender: String, body: String, sentAt: Timestamp, clientID: WireUUID) {
        self.sender = sender
        self.body = body
        self.sentAt = sentAt
        self.clientID = clientID
    }
}

/// Writes what is imported, as the owner of the tables: the service's own role cannot write.
package actor ImportStore {
    private let connection: PostgresConnection
    private var users: [String: Int64] = [:]
    /// Users that were made because nobody had their names.
    package private(set) var made = 0

    package init(_ connection: PostgresConnection) { self.connection = connection }

    // MARK: Users

    /// The user of that name; one that is not there is made, disabled and with a password that nobody knows, for an admin to hand over.
    package func user(_ name: String, displayName: String? = nil) async throws -> Int64 {
        let key = UsernameKey.of(name)
        if let known = users[key] { return known }
        guard users.count < 1_000_000 else { throw ImportError("there are more than a million users in it") }
        let id: Int64
        if let found = try await find(key) {
            id = found
        } else if key.contains(":"), !key.hasPrefix(Self.foreign) {
            // A deleted account's number is that of another server: by that name, one of this server could not be deleted.
            id = try await user(Self.foreign + key, displayName: displayName ?? "deleted user")
        } else {
            let hash = try PasswordHash.decoy().description
            id = try await connection.query(
                """
                INSERT INTO everline.users (username, username_key, display_name, password_hash, disabled)
                VALUES (\(name.precomposedStringWithCompatibilityMapping), \(key), \(displayName ?? name), \(hash), true) RETURNING id
                """
            ).decode(0, 0)
            made += 1
        }
        users[key] = id
        return id
    }
    private static let foreign = "imported:"

    private func find(_ key: String) async throws -> Int64? {
        try await connection.query("SELECT id FROM everline.users WHERE username_key = \(key)").first?[0].decode()
    }

    // MARK: Rooms

    package struct Room: Sendable {
        package let id: Int64
        package let last: Int64
    }

    package func room(_ name: String) async throws -> Room? {
        try await connection.query(
            "SELECT r.id, c.last_seq FROM everline.rooms r JOIN everline.room_counters c ON c.room_id = r.id WHERE r.name = \(name)"
        ).first.map { Room(id: try $0[0].decode(), last: try $0[1].decode()) }
    }

    package func make(_ name: String, _ kind: RoomKind, title: String?, owner: String) async throws -> Room {
        let owner = try await user(owner)
        do {
            let id: Int64 = try await connection.execute(
                PostgresStatement("SELECT everline.create_room($1, $2, $3, $4)"), [name, kind.rawValue, title, owner]
            ).decode(0, 0)
            return Room(id: id, last: 0)
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw ImportError(
                "no room can be made by the name \(name)\nHINT: --room, or --prefix for those of Mattermost, gives another")
        }
    }

    package func enter(_ room: Int64, _ names: [String]) async throws {
        var ids: [Int64] = []
        for name in names { ids.append(try await user(name)) }
        try await connection.query("SELECT everline.import_members(\(room), \(ids))")
    }

    // MARK: Messages

    /// Appends messages after number `last`; fails if that is not the room's last one any more.
    package func append(_ messages: [ImportedMessage], to room: Int64, after last: Int64) async throws {
        var senders: [Int64] = []
        for message in messages { senders.append(try await user(message.sender)) }
        var (seqs, reactions, reacting): ([Int64], [String], [Int64]) = ([], [], [])
        for (index, message) in messages.enumerated() {
            for one in message.reactions {
                seqs.append(last + 1 + Int64(index))
                reactions.append(one.reaction)
                reacting.append(try await user(one.user))
            }
        }
        func moment(_ time: Timestamp) -> PostgresTimestamp { PostgresTimestamp(microseconds: time.milliseconds * 1_000) }
        try await connection.execute(
            Self.importing,
            [
                room, last, senders,
                messages.map { PostgresUUID(high: $0.clientID.high, low: $0.clientID.low) }, messages.map(\.body),
                messages.map(\.replyTo), messages.map { moment($0.sentAt) }, messages.map { $0.editedAt.map(moment) },
                messages.map(\.deleted), seqs, reactions, reacting,
            ], deadline: .seconds(60))
    }

    private static let importing = PostgresStatement(
        "SELECT everline.import_messages($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
}

/// Why something cannot be imported.
package struct ImportError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

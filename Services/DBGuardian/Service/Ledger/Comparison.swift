import EverlinePostgres
import EverlineProtocol
import Foundation

/// Compares a restored database with what the ledger says was in it.
struct Comparison: Sendable {
    let ledger: Ledger

    /// More differences than a person reads tell nothing more.
    private static let most = 50

    func differences(_ connection: PostgresConnection) async throws -> [Saying] {
        var since = LedgerQueries.Since()
        for room in ledger.rooms {
            since.rooms.append(room.id)
            since.seqs.append(0)
            since.revs.append(0)
            since.contents.append(room.contentFrom - 1)
        }
        let rooms = try await LedgerQueries.rooms(since, connection)
        var found = compare(rooms)
        let totals = try await LedgerQueries.totals(connection)
        for (what, is_, should) in [
            (.otherMessages, totals.messages, ledger.totals.messages), (.otherUsers, totals.users, ledger.totals.users),
            (.otherRooms, totals.rooms, ledger.totals.rooms), (.otherMembers, totals.members, ledger.totals.members),
        ] as [(Saying.Kind, Int64, Int64)] where is_ != should {
            found.append(Saying(what, ["count": .number(is_), "wanted": .number(should)]))
        }
        if totals.digest != ledger.totals.digest { found.append(Saying(.otherPeople)) }
        if try await LedgerQueries.roles(connection) != ledger.roles {
            found.append(Saying(.otherRoles))
        }
        if try await LedgerQueries.migrations(connection) != ledger.migrations {
            found.append(Saying(.otherMigrations))
        }
        found += try await holes(connection)
        found += try await orphans(connection)
        return Array(found.prefix(Self.most))
    }

    private func compare(_ rooms: [Ledger.Room]) -> [Saying] {
        let restored = Dictionary(uniqueKeysWithValues: rooms.map { ($0.id, $0) })
        var found: [Saying] = []
        for room in ledger.rooms {
            guard let own = restored[room.id] else {
                found.append(Saying(.roomMissing, ["room": .text(room.name)]))
                continue
            }
            let name = Saying.Value.text(room.name)
            func differ(_ kind: Saying.Kind, _ count: Int64, _ wanted: Int64) -> Saying {
                Saying(kind, ["room": name, "count": .number(count), "wanted": .number(wanted)])
            }
            if own.lastSeq != room.lastSeq { found.append(differ(.roomEnds, own.lastSeq, room.lastSeq)) }
            if own.lastRev != room.lastRev { found.append(differ(.roomRevisions, own.lastRev, room.lastRev)) }
            if own.membersRev != room.membersRev { found.append(Saying(.roomMembers, ["room": name])) }
            if own.identity != room.identity { found.append(Saying(.roomIdentity, ["room": name])) }
            if own.content != room.content { found.append(Saying(.roomContent, ["room": name])) }
        }
        let known = Set(ledger.rooms.map(\.id))
        return found + rooms.filter { !known.contains($0.id) }.map { Saying(.roomUnknown, ["room": .text($0.name)]) }
    }

    /// Each room 1…N, no number missing and none twice.
    private func holes(_ connection: PostgresConnection) async throws -> [Saying] {
        let rows = try await connection.query(
            """
            SELECT r.name, c.last_seq, coalesce(m.count, 0), coalesce(m.low, 0), coalesce(m.high, 0), coalesce(m.numbers, 0)
            FROM everline.room_counters c JOIN everline.rooms r ON r.id = c.room_id
            LEFT JOIN (SELECT room_id, count(*) AS count, min(seq) AS low, max(seq) AS high, count(DISTINCT seq) AS numbers
                FROM everline.messages GROUP BY room_id) m ON m.room_id = c.room_id
            WHERE coalesce(m.count, 0) <> c.last_seq OR coalesce(m.high, 0) <> c.last_seq OR coalesce(m.numbers, 0) <> c.last_seq
                OR (c.last_seq > 0 AND m.low <> 1)
            """, deadline: .seconds(3_600))
        return try rows.map { row in
            let (name, last, count) = (
                try row[0].decode(as: String.self), try row[1].decode(as: Int64.self), try row[2].decode(as: Int64.self)
            )
            return Saying(.roomNumbers, ["room": .text(name), "wanted": .number(last), "count": .number(count)])
        }
    }

    /// What foreign keys would say where there are none.
    private func orphans(_ connection: PostgresConnection) async throws -> [Saying] {
        let rows = try await connection.query(
            """
            SELECT 'orphans.roomless', count(*) FROM everline.messages m WHERE NOT EXISTS (SELECT FROM everline.rooms r WHERE r.id = m.room_id)
            UNION ALL SELECT 'orphans.senderless', count(*) FROM everline.messages m
                WHERE NOT EXISTS (SELECT FROM everline.users u WHERE u.id = m.sender_id)
            UNION ALL SELECT 'orphans.revisions', count(*) FROM everline.revisions v
                WHERE NOT EXISTS (SELECT FROM everline.messages m WHERE m.room_id = v.room_id AND m.seq = v.seq)
            UNION ALL SELECT 'orphans.reactions', count(*) FROM everline.reactions v
                WHERE NOT EXISTS (SELECT FROM everline.messages m WHERE m.room_id = v.room_id AND m.seq = v.seq)
            UNION ALL SELECT 'orphans.keys', count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated
            """, deadline: .seconds(3_600))
        return try rows.compactMap { row in
            let count = try row[1].decode(as: Int64.self)
            guard count > 0, let kind = Saying.Kind(rawValue: try row[0].decode()) else { return nil }
            return Saying(kind, ["count": .number(count)])
        }
    }
}

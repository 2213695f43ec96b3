import EverlinePostgres
import EverlineProtocol
import Foundation

/// Compares a restored database with what the ledger says was in it.
struct Comparison: Sendable {
    let ledger: Ledger

    /// More differences than a person reads tell nothing more.
    private static let most = 50

    func differences(_ connection: PostgresConnection) async throws -> [String] {
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
            ("messages", totals.messages, ledger.totals.messages), ("users", totals.users, ledger.totals.users),
            ("rooms", totals.rooms, ledger.totals.rooms), ("members", totals.members, ledger.totals.members),
        ] where is_ != should { found.append("\(is_) \(what), the ledger says \(should)") }
        if totals.digest != ledger.totals.digest { found.append("users, rooms or members are not what the ledger says") }
        if try await LedgerQueries.roles(connection) != ledger.roles {
            found.append("roles, grants or functions are not what the ledger says")
        }
        if try await LedgerQueries.migrations(connection) != ledger.migrations {
            found.append("the schema's migrations are not what the ledger says")
        }
        found += try await holes(connection)
        found += try await orphans(connection)
        return Array(found.prefix(Self.most))
    }

    private func compare(_ rooms: [Ledger.Room]) -> [String] {
        let restored = Dictionary(uniqueKeysWithValues: rooms.map { ($0.id, $0) })
        var found: [String] = []
        for room in ledger.rooms {
            guard let own = restored[room.id] else {
                found.append("room \(room.name) is missing")
                continue
            }
            if own.lastSeq != room.lastSeq {
                found.append("room \(room.name) ends at \(own.lastSeq), the ledger says \(room.lastSeq)")
            }
            if own.lastRev != room.lastRev {
                found.append("room \(room.name) has \(own.lastRev) revisions, the ledger says \(room.lastRev)")
            }
            if own.membersRev != room.membersRev { found.append("room \(room.name) has other members than the ledger says") }
            if own.identity != room.identity { found.append("room \(room.name): its messages are not those of the ledger") }
            if own.content != room.content {
                found.append("room \(room.name): what is written in its messages is not what the ledger says")
            }
        }
        let known = Set(ledger.rooms.map(\.id))
        return found + rooms.filter { !known.contains($0.id) }.map { "room \($0.name) is not in the ledger" }
    }

    /// Each room 1…N, no number missing and none twice.
    private func holes(_ connection: PostgresConnection) async throws -> [String] {
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
            return "room \(name) should have messages 1 to \(last) and has \(count)"
        }
    }

    /// What foreign keys would say where there are none.
    private func orphans(_ connection: PostgresConnection) async throws -> [String] {
        let rows = try await connection.query(
            """
            SELECT 'messages of no room', count(*) FROM everline.messages m WHERE NOT EXISTS (SELECT FROM everline.rooms r WHERE r.id = m.room_id)
            UNION ALL SELECT 'messages of no user', count(*) FROM everline.messages m
                WHERE NOT EXISTS (SELECT FROM everline.users u WHERE u.id = m.sender_id)
            UNION ALL SELECT 'revisions of no message', count(*) FROM everline.revisions v
                WHERE NOT EXISTS (SELECT FROM everline.messages m WHERE m.room_id = v.room_id AND m.seq = v.seq)
            UNION ALL SELECT 'reactions to no message', count(*) FROM everline.reactions v
                WHERE NOT EXISTS (SELECT FROM everline.messages m WHERE m.room_id = v.room_id AND m.seq = v.seq)
            UNION ALL SELECT 'foreign keys that are not valid', count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated
            """, deadline: .seconds(3_600))
        return try rows.compactMap { row in
            let count = try row[1].decode(as: Int64.self)
            return count == 0 ? nil : "\(count) \(try row[0].decode(as: String.self))"
        }
    }
}

package import EverlinePostgres
import EverlineProtocol
import Synchronization

/// What senders are called, as the fields of a message that say so. A user keeps both names; only a restore may give an id to somebody else, and it
/// begins another epoch. Anything is forgotten after ten seconds, so that whatever changes a name shows soon.
package final class SenderNames: Sendable {
    private struct Known {
        var epoch = ""
        var since = ContinuousClock.now
        /// By user: `,"sender":…,"senderName":…`
        var fields: [Int64: [UInt8]] = [:]
    }

    private let pool: PostgresPool
    private let known = Mutex(Known())

    private static let bound = 10_000
    private static let age = Duration.seconds(10)
    private static let select = PostgresStatement("SELECT id, username, display_name FROM everline.users WHERE id = ANY($1)")

    package init(pool: PostgresPool) { self.pool = pool }

    /// - Parameter epoch: that of the messages which the users sent.
    package func fields(of users: [Int64], epoch: String, _ patience: Duration = .seconds(5)) async throws -> [Int64: [UInt8]] {
        let found = known.withLock { known in
            if known.epoch != epoch || .now - known.since > Self.age || known.fields.count > Self.bound {
                known = Known(epoch: epoch, since: .now)
            }
            return known.fields
        }
        let missing = users.filter { found[$0] == nil }
        if missing.isEmpty { return found }
        var all = found
        for row in try await pool.execute(Self.select, [missing], deadline: .after(patience)) {
            var writer = JSONWriter()
            writer.raw(#","sender":"#)
            writer.write(try row[1].decode(as: String.self))
            writer.raw(#","senderName":"#)
            writer.write(try row[2].decode(as: String.self))
            all[try row[0].decode()] = writer.bytes
        }
        for user in missing {
            guard let fields = all[user] else { throw PostgresError(.usage, "a message of user \(user), who does not exist") }
            known.withLock { if $0.epoch == epoch { $0.fields[user] = fields } }
        }
        return all
    }
}

import EverlinePostgres
import EverlineProtocol
package import Foundation

/// Audited statements by hour, class and role, gathered by whoever reads the records and written now and then.
package struct StatementCounts: Sendable {
    private struct Key: Hashable {
        let hour: Int64
        let cls: String
        let role: String
    }
    private var counts: [Key: Int64] = [:]

    /// Roles come from records, so their number is bounded here.
    private static let most = 1_000

    package init() {}
    package var isEmpty: Bool { counts.isEmpty }

    /// - Parameter cls: pgAudit's class: READ, WRITE, FUNCTION, ROLE, DDL, MISC.
    package mutating func add(class cls: String, role: String, at: Date, count: Int64 = 1) {
        let key = Key(hour: Int64((at.timeIntervalSince1970 / 3_600).rounded(.down)), cls: cls, role: role)
        if counts[key] == nil, counts.count >= Self.most {
            return counts[Key(hour: key.hour, cls: cls, role: "others"), default: 0] += count
        }
        counts[key, default: 0] += count
    }

    package mutating func add(_ others: StatementCounts) {
        for (key, count) in others.counts {
            let isKnown = counts[key] != nil || counts.count < Self.most
            counts[isKnown ? key : Key(hour: key.hour, cls: key.cls, role: "others"), default: 0] += count
        }
    }

    fileprivate var columns: (hours: [PostgresTimestamp], classes: [String], roles: [String], counts: [Int64]) {
        let all = Array(counts)
        return (
            all.map { PostgresTimestamp(microseconds: $0.key.hour * 3_600_000_000) }, all.map(\.key.cls), all.map(\.key.role),
            all.map(\.value)
        )
    }
}

extension FindingStore {
    /// Adds to what was counted before.
    package func add(_ counts: StatementCounts) async throws {
        if counts.isEmpty { return }
        let (hours, classes, roles, numbers) = counts.columns
        _ = try await run(
            """
            INSERT INTO everline.audited_statements AS s (hour, class, role, count)
            SELECT * FROM unnest(\(hours), \(classes), \(roles), \(numbers)) ON CONFLICT (hour, class, role) DO UPDATE SET count = s.count + excluded.count
            """)
    }

    /// The sums since an hour, the greatest first.
    func statementsByClass(since: Timestamp) async throws -> [(name: String, count: Int64)] {
        let from = PostgresTimestamp(microseconds: since.milliseconds * 1_000)
        return try await run(
            """
            SELECT class, sum(count)::bigint FROM everline.audited_statements WHERE hour >= date_trunc('hour', \(from)) GROUP BY 1 ORDER BY 2 DESC, 1
            """
        ).map { (try $0[0].decode(), try $0[1].decode()) }
    }
}

import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// `audit rehearse`: one finding, told by the same parts that `serve` tells by.
package struct Rehearsing: Sendable {
    private let settings: Settings
    private let logger: Logger

    package init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    package struct Result: Encodable, Sendable {
        package let finding: String?
        package let told: [String]
        package let untold: [String]
    }

    package func run(_ severity: Severity, seconds: Int) async throws -> Result {
        let pool = PostgresPool(
            configuration: try settings.own("audit rehearse"), logger: logger)
        let store = FindingStore(pool)
        let telling = try Telling(settings, pool: pool, logger: logger)
        let keeper = try FindingKeeper(settings, store: store, telling: telling, logger: logger)
        let started = Date()
        let result = await withTaskGroup(of: Void.self, returning: Result.self) { group in
            group.addTask { try? await telling.run() }
            await keeper.raise(
                Alarm(
                    rule: "rehearsal", severity: severity, at: started, object: "db-guardian",
                    evidence: ["somebody ran db-guardian audit rehearse"],
                    advice: "Nothing is wrong: this is to see that you are told.",
                    cause: "rehearsal \(started.timeIntervalSince1970)"))
            let wanted = telling.channels(for: severity)
            var told: [String] = []
            var id: String?
            let end = ContinuousClock.now + .seconds(seconds)
            repeat {
                if let found = try? await store.newest(rule: "rehearsal", since: started) { (id, told) = found }
                if Set(wanted).isSubset(of: told), id != nil { break }
                try? await Task.sleep(for: .milliseconds(50))
            } while ContinuousClock.now < end
            group.cancelAll()
            let done = told
            return Result(finding: id, told: wanted.filter { done.contains($0) }, untold: wanted.filter { !done.contains($0) })
        }
        await pool.shutdown()
        return result
    }
}

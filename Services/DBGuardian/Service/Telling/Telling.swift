package import EverlinePostgres
import EverlineProtocol
package import EverlineService
import Foundation
package import Logging

/// Tells somebody: the log at once, and each configured channel from a queue of its own.
package final class Telling: Sendable {
    private let queues: [ChannelQueue]
    private let logger: Logger

    /// - Parameter pool: the guardian's own connections, for the room; nil for the log alone.
    package init(_ settings: Settings, pool: PostgresPool?, logger: Logger) throws {
        var channels: [any Channel] = []
        func minimum(_ key: String) throws -> Severity {
            let text = try settings.string(key)
            guard let severity = Severity(rawValue: text) else {
                throw ConfigurationError("\(key) is low, medium, high or critical, not \"\(text)\"")
            }
            return severity
        }
        if let pool, let room = settings.optional("audit.room"), room != "none" {
            channels.append(OpsRoom(room, pool: pool, minimum: try minimum("audit.roomMinimum")))
        }
        if pool != nil, settings.optional("audit.webhookUrl") != nil {
            channels.append(try Webhook(settings, minimum: try minimum("audit.webhookMinimum")))
        }
        if pool != nil, let command = settings.optional("audit.command") {
            channels.append(CommandChannel(command, minimum: try minimum("audit.commandMinimum")))
        }
        let store = pool.map { FindingStore($0) }
        self.logger = logger
        queues = channels.map { channel in
            ChannelQueue(channel, logger: logger) { finding, name in try? await store?.told(finding.id, by: name) }
        }
    }

    /// The log line of a finding.
    package func log(_ finding: Finding) {
        let level: Logger.Level =
            switch finding.severity {
            case .critical: .critical
            case .high: .error
            case .medium: .warning
            case .low: .notice
            }
        var metadata: Logger.Metadata = [
            "finding": "\(finding.id)", "rule": "\(finding.rule)", "severity": "\(finding.severity.rawValue)",
            "at": "\(finding.at)",
            "advice": "\(finding.advice)", "evidence": "\(finding.evidence.joined(separator: "; "))",
        ]
        for (key, value) in [
            ("role", finding.role), ("address", finding.address), ("database", finding.database), ("object", finding.object),
            ("statement", finding.statement),
        ] { if let value { metadata[key] = "\(value)" } }
        logger.log(level: level, "finding", metadata: metadata)
    }

    package func tell(_ finding: Finding) async {
        for queue in queues { await queue.add(finding) }
    }

    /// The names of the channels that tell findings of a severity.
    func channels(for severity: Severity) -> [String] { queues.map(\.channel).filter { severity >= $0.minimum }.map(\.name) }

    /// What was found and not told before a restart.
    func resume(_ store: FindingStore) async {
        for queue in queues {
            let severities = Severity.allCases.filter { $0 >= queue.channel.minimum }.map(\.rawValue)
            for finding in (try? await store.untold(queue.channel.name, severities)) ?? [] { await queue.add(finding) }
        }
    }

    /// Works off the queues until the task is cancelled.
    package func run() async throws {
        await withDiscardingTaskGroup { group in
            for queue in queues { group.addTask { await queue.run() } }
            if queues.isEmpty { group.addTask { try? await Task.sleep(for: .seconds(1 << 30)) } }
        }
        throw CancellationError()
    }
}

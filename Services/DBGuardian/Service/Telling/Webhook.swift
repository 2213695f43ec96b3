import EverlineCryptography
import EverlineProtocol
import EverlineService
import Foundation

/// POSTs one finding at a time as JSON, signed: `X-Everline-Signature: sha256=` and the HMAC-SHA-256 of the body in hex. The body says when it was sent
/// (`sentAt`) and names the delivery, the same at each try (`delivery`), so that a receiver can refuse what is old or known.
struct Webhook: Channel {
    let name = "webhook"
    let minimum: Severity
    let batch = 1
    private let target: WebTarget
    private let secretFile: String
    private let ca: String?

    private static let patience = Duration.seconds(10)
    /// Refused in a way that may pass: request timeout, too early, too many requests (RFC 9110, 8470, 6585).
    private static let passing: Set<Int> = [408, 425, 429]

    init(_ settings: Settings, minimum: Severity) throws {
        target = try WebTarget(settings.string("audit.webhookUrl"))
        secretFile = try settings.string("audit.webhookSecretFile")
        ca = settings.optional("audit.webhookCa")
        self.minimum = minimum
    }

    func tell(_ findings: [Finding]) async throws {
        // Read each time, so that a changed secret needs no restart.
        guard let data = FileManager.default.contents(atPath: secretFile) else {
            throw GuardianError("the webhook's secret cannot be read: \(secretFile)", hint: "set audit.webhookSecretFile")
        }
        var secret = Array(data)
        while secret.last == 10 || secret.last == 13 { secret.removeLast() }
        guard !secret.isEmpty else { throw GuardianError("the webhook's secret is empty: \(secretFile)") }
        for finding in findings {
            let body = try Self.body(finding)
            let signature = "sha256=" + Hex.encode(HMAC.sha256(key: secret, body))
            let status = try await WebRequest.post(
                body, to: target,
                headers: [
                    ("X-Everline-Signature", signature), ("Content-Type", "application/json"), ("User-Agent", "db-guardian"),
                ],
                ca: ca, patience: Self.patience)
            switch status {
            case 200..<300: break
            case 400..<500 where !Self.passing.contains(status): throw ChannelRefusal("\(target.shown) answered \(status)")
            default: throw GuardianError("\(target.shown) answered \(status)")
            }
        }
    }

    /// The finding as `audit findings --json` has it, and the delivery.
    private static func body(_ finding: Finding) throws -> [UInt8] {
        struct Body: Encodable {
            let line: FindingLine
            let delivery: String
            let sentAt: String
            private enum CodingKeys: String, CodingKey { case delivery, sentAt }
            func encode(to encoder: any Encoder) throws {
                try line.encode(to: encoder)
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(delivery, forKey: .delivery)
                try container.encode(sentAt, forKey: .sentAt)
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let delivery = "\(finding.id)-\(finding.severity.rawValue)\(finding.destroyedAt == nil ? "" : "-destroyed")"
        return Array(try encoder.encode(Body(line: FindingLine(finding), delivery: delivery, sentAt: Timestamp.now.description)))
    }
}

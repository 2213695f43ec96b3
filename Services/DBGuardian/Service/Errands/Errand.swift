import EverlineCryptography
package import EverlinePostgres
package import EverlineService
import Foundation

/// By what the watch knows the guardian's own sessions again: an application name that only who has the repository's key can make, and that is good
/// for sessions begun within two minutes of it. A name alone anybody may take.
///
///     db-guardian migrate 6b0615d0.8c1f0a5be2d34477
package struct Errands: Sendable {
    /// One for each key of the repository; the last makes new names.
    private let keys: [[UInt8]]

    /// Verbs that read as much as a thief would.
    static let reading: Set<String> = ["backup database", "backup cluster", "backup base", "ledger", "restore", "drill", "watch"]

    /// Verbs that change the schema, roles or settings; what another one's session does of that kind is nobody's errand.
    static let changing: Set<String> = ["migrate", "roles", "audit harden"]

    private static let title = "db-guardian "
    private static let validBefore: Int64 = 10
    private static let validAfter: Int64 = 120

    package init(_ repository: Repository) {
        let secrets = repository.keys?.keys.map(\.bytes) ?? [Array(repository.description.id.utf8)]
        keys = secrets.map { HMAC.sha256(key: $0, Array("everline errand".utf8)) }
    }

    package init(secret: [UInt8]) { keys = [HMAC.sha256(key: secret, Array("everline errand".utf8))] }

    /// - Parameter verb: as at the prompt: `backup base`.
    package func applicationName(_ verb: String, at seconds: Int64 = Int64(Date().timeIntervalSince1970)) -> String {
        guard let key = keys.last else { return Self.title + verb }
        return "\(Self.title)\(verb) \(String(seconds, radix: 16)).\(Self.proof(verb, seconds, key))"
    }

    /// The verb, if it is a session of ours.
    /// - Parameter started: when the session began, in seconds since 1970.
    package func verb(of application: String, started: Int64) -> String? {
        guard application.hasPrefix(Self.title) else { return nil }
        let words = application.dropFirst(Self.title.count).split(separator: " ")
        guard words.count > 1, let last = words.last else { return nil }
        let proof = last.split(separator: ".", omittingEmptySubsequences: false)
        guard proof.count == 2, let seconds = Int64(proof[0], radix: 16), seconds >= 0, seconds < 1 << 40,
            started >= seconds - Self.validBefore, started <= seconds + Self.validAfter
        else { return nil }
        let name = words.dropLast().joined(separator: " ")
        let given = Array(proof[1].utf8)
        for key in keys where constantTimeEqual(Array(Self.proof(name, seconds, key).utf8), given) { return name }
        return nil
    }

    private static func proof(_ verb: String, _ seconds: Int64, _ key: [UInt8]) -> String {
        Hex.encode(Array(HMAC.sha256(key: key, Array("\(verb)\0\(seconds)".utf8))[..<8]))
    }
}

extension Settings {
    /// nil where no repository can be opened; then the watch knows nobody, and there is none.
    package var errands: Errands? {
        guard optional("repository.paths") != nil, let repositories = try? Repositories.reachable(self) else { return nil }
        return Errands(repositories.first)
    }

    /// How the watch reaches the server.
    func watch() throws -> PostgresConfiguration {
        // A standby can be watched too.
        PostgresConfiguration(
            conninfo: try string("watch.conninfo"), passwordFile: optional("watch.passwordFile"),
            applicationName: "db-guardian watch",
            connections: 1, target: .any)
    }

    /// What a session for that verb is called.
    package func applicationName(_ verb: String) -> String { errands?.applicationName(verb) ?? "db-guardian \(verb)" }

    /// The guardian's own connections for that verb: each is named when it is made, for a name is good for two minutes only.
    package func own(_ verb: String) throws -> PostgresConfiguration {
        var configuration = try postgres(service: "db-guardian \(verb)")
        if let errands { configuration.naming = { errands.applicationName(verb) } }
        return configuration
    }
}

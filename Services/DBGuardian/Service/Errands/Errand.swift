import EverlineCryptography
package import EverlinePostgres
package import EverlineService
import Foundation

/// By what the watch knows the guardian's own sessions again: an application name that only who has the repository's key can make, and that is good
/// for sessions begun within two minutes of it. A name alone anybody may take, and everybody may read it in pg_stat_activity: so the name of a connection of
/// our own is good for one session (the middle part, drawn for it). PostgreSQL's programs, which make several connections by the name that they are given,
/// have one without; it excuses reading alone.
///
///     db-guardian migrate 6b0615d0.3fa2c1.8c1f0a5be2d34477
///     db-guardian backup database 6b0615d0.8c1f0a5be2d34477
package struct Errands: Sendable {
    /// What a name says that is ours.
    package struct Errand: Sendable, Equatable {
        /// As at the prompt: `backup base`.
        package let verb: String
        /// Whether the name is good for one session.
        package let isOnce: Bool

        package init(verb: String, isOnce: Bool) {
            self.verb = verb
            self.isOnce = isOnce
        }
    }

    /// One for each key of the repository; the last makes new names.
    private let keys: [[UInt8]]

    /// Verbs that read as much as a thief would.
    static let reading: Set<String> = ["backup database", "backup cluster", "backup base", "ledger", "restore", "drill", "watch"]

    /// Verbs that change the schema, roles or settings; what another one's session does of that kind is nobody's errand.
    static let changing: Set<String> = ["migrate", "roles", "audit harden"]

    private static let title = "db-guardian "
    private static let validBefore: Int64 = 10
    private static let validAfter: Int64 = 120
    /// In seconds: after that a name excuses no session that begins.
    static let longest = validBefore + validAfter

    package init(_ repository: Repository) {
        let secrets = repository.keys?.keys.map(\.bytes) ?? [Array(repository.description.id.utf8)]
        keys = secrets.map { HMAC.sha256(key: $0, Array("everline errand".utf8)) }
    }

    package init(secret: [UInt8]) { keys = [HMAC.sha256(key: secret, Array("everline errand".utf8))] }

    /// A name for a program that makes as many connections as it needs.
    /// - Parameters:
    ///   - verb: as at the prompt: `backup base`.
    ///   - seconds: since 1970.
    package func applicationName(_ verb: String, at seconds: Int64 = Int64(Date().timeIntervalSince1970)) -> String {
        name(verb, String(seconds, radix: 16))
    }

    /// A name for one connection.
    package func nameForOne(_ verb: String, at seconds: Int64 = Int64(Date().timeIntervalSince1970)) -> String {
        name(verb, "\(String(seconds, radix: 16)).\(String(format: "%06x", UInt32.random(in: 0..<1 << 24)))")
    }

    private func name(_ verb: String, _ mark: String) -> String {
        guard let key = keys.last else { return Self.title + verb }
        return "\(Self.title)\(verb) \(mark).\(Self.proof(verb, mark, key))"
    }

    /// The errand, if the name is one of ours. Whether a name for one session has been used by another, who remembers them knows.
    /// - Parameter started: when the session began, in seconds since 1970.
    package func errand(of application: String, started: Int64) -> Errand? {
        guard application.hasPrefix(Self.title) else { return nil }
        let words = application.dropFirst(Self.title.count).split(separator: " ")
        guard words.count > 1, let last = words.last else { return nil }
        let parts = last.split(separator: ".", omittingEmptySubsequences: false)
        guard 2...3 ~= parts.count, let seconds = Int64(parts[0], radix: 16), seconds >= 0, seconds < 1 << 40,
            started >= seconds - Self.validBefore, started <= seconds + Self.validAfter
        else { return nil }
        let verb = words.dropLast().joined(separator: " ")
        let mark = parts.dropLast().joined(separator: ".")
        let given = Array(parts[parts.count - 1].utf8)
        for key in keys where constantTimeEqual(Array(Self.proof(verb, mark, key).utf8), given) {
            return Errand(verb: verb, isOnce: parts.count == 3)
        }
        return nil
    }

    private static func proof(_ verb: String, _ mark: String, _ key: [UInt8]) -> String {
        Hex.encode(Array(HMAC.sha256(key: key, Array("\(verb)\0\(mark)".utf8))[..<8]))
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

    /// What the sessions of a program run for that verb are called.
    package func applicationName(_ verb: String) -> String { errands?.applicationName(verb) ?? "db-guardian \(verb)" }

    /// The guardian's own connections for that verb: each is named when it is made, for a name is good for one of them.
    package func own(_ verb: String) throws -> PostgresConfiguration {
        named(try postgres(service: "db-guardian \(verb)"), verb)
    }

    /// The superuser's, of roles.conninfo.
    /// - Parameter verb: what for, as at the prompt.
    package func superuser(_ verb: String) throws -> PostgresConfiguration {
        named(
            PostgresConfiguration(
                conninfo: try string("roles.conninfo"), passwordFile: optional("roles.passwordFile"),
                applicationName: "db-guardian \(verb)"), verb)
    }

    private func named(_ configuration: PostgresConfiguration, _ verb: String) -> PostgresConfiguration {
        var configuration = configuration
        if let errands { configuration.naming = { errands.nameForOne(verb) } }
        return configuration
    }
}

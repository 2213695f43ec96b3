import EverlinePostgres
package import EverlineService
import Foundation
package import Logging

/// `audit harden`: what is missing, and the setting of it.
package struct Hardening: Sendable {
    private let settings: Settings
    private let reader: FactReader
    private let database: String
    private let logger: Logger

    package init(_ settings: Settings, logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        reader = try FactReader(settings, for: "audit harden", logger: logger)
        database = try settings.string("roles.database")
    }

    /// What is missing.
    package func plan() async throws -> [HardeningStep] {
        let facts = try await reader.facts()
        guard facts.superuser else {
            throw GuardianError(
                "only a superuser can change a server's settings", hint: "set roles.conninfo and roles.passwordFile")
        }
        return WantedSettings.steps(facts) + (try await tls(facts)) + statements(facts) + trust(facts)
            + FileModes(facts, settings).wrong.map { wrong in
                HardeningStep(
                    "chmod \(String(wrong.wanted, radix: 8)) \(wrong.path)",
                    why: "others may read it: it has \(String(wrong.mode, radix: 8))", .mode(wrong))
            }
    }

    /// Does the steps in order, and goes on after one that fails.
    /// - Parameter ask: whether what somebody else had set may be replaced.
    package func carryOut(_ plan: [HardeningStep], ask: (HardeningStep) -> Bool) async throws -> [HardeningStep] {
        var steps = plan
        for index in steps.indices {
            if steps[index].replaces != nil, !ask(steps[index]) {
                steps[index].outcome = .left
                continue
            }
            do {
                try await carryOut(steps[index])
                steps[index].outcome = .done
            } catch {
                steps[index].outcome = .failed
                steps[index].error = (error as? PostgresError)?.message ?? "\(error)"
            }
        }
        let done = steps.filter { $0.outcome == .done }
        let isReload = done.contains { if case .statement = $0.kind { false } else { true } }
        if isReload {
            try await reader.withConnection(to: nil) { _ = try await $0.query("SELECT pg_reload_conf()") }
        }
        if !done.isEmpty, settings.optional("repository.paths") != nil {
            let settings = settings
            // That it happened, for whoever reads of it in the server's log. The settings are made: without a journal too.
            let outcome = try? await Blocking.run { try JournalBook(settings).append([.hardened(done.map(\.what))]) }
            for error in outcome?.errors ?? [] { logger.error("the journal cannot be written", metadata: ["error": "\(error)"]) }
        }
        return steps
    }

    // MARK: Planning

    /// Switched on only where the server can read a certificate and a key: with `ssl = on` and none it would not start again.
    private func tls(_ facts: ServerFacts) async throws -> [HardeningStep] {
        guard !facts.isOn("ssl"), let setting = facts.settings["ssl"] else { return [] }
        let there: Bool = try await reader.withConnection(to: nil) { connection in
            try await connection.query(
                "SELECT bool_and((pg_stat_file(f, true)).size IS NOT NULL) FROM unnest(ARRAY[current_setting('ssl_cert_file'), current_setting('ssl_key_file')]) f"
            ).decode(0, 0)
        }
        guard there else { return [] }
        return [
            HardeningStep(
                "ssl = 'on'", why: "passwords and messages go over the network (CIS 6.8)",
                replaces: setting.isChosen ? "off (\(setting.place))" : nil,
                .setting(name: "ssl", value: "on"))
        ]
    }

    private func statements(_ facts: ServerFacts) -> [HardeningStep] {
        var steps: [HardeningStep] = []
        guard facts.list("shared_preload_libraries").contains("pgaudit"), facts.settings["pgaudit.log"] != nil else { return [] }
        for one in facts.databases where !one.hasPgaudit {
            steps.append(
                HardeningStep(
                    "CREATE EXTENSION pgaudit in \(one.name)", why: "without it records name no objects",
                    .statement("CREATE EXTENSION IF NOT EXISTS pgaudit", database: one.name)))
        }
        for role in facts.loginSuperusers where !role.settings.contains("pgaudit.log=all") {
            let old = role.settings.first { $0.hasPrefix("pgaudit.log=") }
            let text = "ALTER ROLE \(Self.identifier(role.name)) SET pgaudit.log = 'all'"
            steps.append(
                HardeningStep(
                    text, why: "what a superuser does is recorded whole", replaces: old, .statement(text, database: nil)))
        }
        let role = facts.value("pgaudit.role").isEmpty ? WantedSettings.auditRole : facts.value("pgaudit.role")
        guard facts.databases.contains(where: { $0.name == database }) else { return steps }
        if !facts.roles.contains(where: { $0.name == role }) {
            let text = "CREATE ROLE \(Self.identifier(role)) NOLOGIN"
            steps.append(
                HardeningStep(
                    text, why: "its grants say what object audit records; nobody is a member", .statement(text, database: nil)))
        }
        let lacks =
            facts.value("pgaudit.role").isEmpty
            ? ["SELECT on everline.users", "UPDATE on everline.messages", "DELETE on everline.messages"] : facts.objectAuditLacks
        for one in lacks {
            let text = "GRANT \(one.replacingOccurrences(of: " on ", with: " ON ")) TO \(Self.identifier(role))"
            steps.append(HardeningStep(text, why: "object audit", .statement(text, database: database)))
        }
        return steps
    }

    private func trust(_ facts: ServerFacts) -> [HardeningStep] {
        let lines = facts.access.filter { $0.method == "trust" }
        guard !lines.isEmpty else { return [] }
        let file = facts.value("hba_file")
        return lines.map { line in
            // Whoever manages the server would be locked out of it.
            let bare = facts.loginSuperusers.filter {
                $0.password == "none" && (line.users.contains("all") || line.users.contains($0.name))
            }
            let old = "\(line.type) \(line.databases.joined(separator: ",")) \(line.users.joined(separator: ",")) trust"
            let what = "line \(line.line) of \(file): scram-sha-256 instead of trust"
            let why = "whoever gets that far is let in as anybody"
            guard let first = bare.first else {
                return HardeningStep(what, why: why, replaces: old, .trust(file: file, lines: [line.line]))
            }
            return HardeningStep(
                what, why: why, replaces: old,
                .refused("\(first.name) has no password yet and could not come in: \\password \(first.name), first"))
        }
    }

    // MARK: Doing

    private func carryOut(_ step: HardeningStep) async throws {
        switch step.kind {
        case .setting(let name, let value):
            try await run("ALTER SYSTEM SET \(Self.identifier(name)) = \(Self.literal(name, value))", in: nil)
        case .statement(let text, let database): try await run(text, in: database)
        case .mode(let wrong):
            guard chmod(wrong.path, wrong.wanted) == 0 else { throw SystemError("cannot change the mode of", wrong.path) }
        case .trust(let file, let lines): try AccessFile.replaceTrust(file, lines: lines)
        case .refused(let why): throw GuardianError(why)
        }
    }

    private func run(_ sql: String, in database: String?) async throws {
        try await reader.withConnection(to: database) { connection in
            _ = try await connection.query(PostgresQuery(PostgresStatement(unsafeSQL: sql)), deadline: .seconds(60))
        }
    }

    /// A name with its quotes; each part of a setting's for itself.
    private static func identifier(_ name: String) -> String {
        name.split(separator: ".", omittingEmptySubsequences: false).map {
            "\"" + $0.replacingOccurrences(of: "\"", with: "\"\"") + "\""
        }.joined(separator: ".")
    }

    /// A list of libraries is a list of literals: one literal with commas would be quoted as one name (manual 20.1, GUC_LIST_QUOTE).
    private static func literal(_ name: String, _ value: String) -> String {
        func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: "''") + "'" }
        guard name == "shared_preload_libraries" else { return quoted(value) }
        return ServerFacts.elements(value).map(quoted).joined(separator: ", ")
    }
}

package import EverlinePostgres
import Foundation
package import Logging

/// Makes the database, its roles and their limits what `RoleTable` says; changes only what differs.
package struct RoleKeeper: Sendable {
    private let superuser: PostgresConfiguration
    private let database: String
    /// Folder with one file `postgres-ROLE` a role.
    private let passwords: String
    private let logger: Logger

    package init(superuser: PostgresConfiguration, database: String, passwords: String, logger: Logger) {
        self.superuser = superuser
        self.database = database
        self.passwords = passwords
        self.logger = logger
    }

    /// What was changed, one line each; nothing the second time.
    package func keep() async throws -> [String] {
        guard database.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }) else {
            throw GuardianError("roles.database is made of letters, digits and _")
        }
        var changes: [String] = []
        try await withConnection(to: nil) { connection in
            for role in Role.all { changes += try await keep(role, connection) }
            changes += try await keepAudit(connection)
            changes += try await keepDatabase(connection)
        }
        try await withConnection(to: database) { connection in changes += try await keepSchema(connection) }
        return changes
    }

    // MARK: Roles

    private func keep(_ role: Role, _ connection: PostgresConnection) async throws -> [String] {
        var changes: [String] = []
        let rows = try await connection.query(
            """
            SELECT rolcanlogin AND rolinherit AND NOT rolsuper AND NOT rolcreatedb AND NOT rolcreaterole AND NOT rolbypassrls
                AND rolreplication = \(role.replication) FROM pg_roles WHERE rolname = \(role.name)
            """)
        let attributes =
            "LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS \(role.replication ? "REPLICATION" : "NOREPLICATION")"
        if rows.isEmpty {
            try await run("CREATE ROLE \(role.name) \(attributes)", connection)
            changes.append("role \(role.name) created")
        } else if try rows.decode(0, 0, as: Bool.self) == false {
            try await run("ALTER ROLE \(role.name) \(attributes)", connection)
            changes.append("role \(role.name): attributes set")
        }
        changes += try await keepSettings(role, connection)
        for group in role.memberOf {
            let member = try await connection.query("SELECT pg_has_role(\(role.name), \(group), 'MEMBER')")
            if try member.decode(0, 0, as: Bool.self) { continue }
            try await run("GRANT \(group) TO \(role.name)", connection)
            changes.append("role \(role.name): member of \(group)")
        }
        if try await keepPassword(role, connection) { changes.append("role \(role.name): password set") }
        return changes
    }

    /// The role of object audit, and all that superusers do recorded, for they get round everything else (pgaudit's README, "Object audit logging").
    private func keepAudit(_ connection: PostgresConnection) async throws -> [String] {
        var changes: [String] = []
        let known = try await connection.query("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = \(Role.audit))")
        if try !known.decode(0, 0, as: Bool.self) {
            try await run("CREATE ROLE \(Role.audit) NOLOGIN", connection)
            changes.append("role \(Role.audit) created")
        }
        let unrecorded = try await connection.query(
            """
            SELECT r.rolname::text FROM pg_roles r WHERE r.rolsuper AND current_setting('pgaudit.log', true) IS NOT NULL
            AND NOT EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0 AND 'pgaudit.log=all' = ANY (s.setconfig))
            """)
        for row in unrecorded {
            let name = try row[0].decode(as: String.self)
            try await run(
                "ALTER ROLE \"\(name.replacingOccurrences(of: "\"", with: "\"\""))\" SET pgaudit.log = 'all'", connection)
            changes.append("role \(name): all it does is recorded")
        }
        return changes
    }

    private func keepSettings(_ role: Role, _ connection: PostgresConnection) async throws -> [String] {
        let rows = try await connection.query(
            """
            SELECT unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
            WHERE r.rolname = \(role.name) AND s.setdatabase = 0
            """)
        let present = Set(try rows.map { try $0[0].decode(as: String.self) })
        var changes: [String] = []
        for setting in role.settings where !present.contains("\(setting.name)=\(setting.value)") {
            try await run("ALTER ROLE \(role.name) SET \(setting.name) = '\(setting.value)'", connection)
            changes.append("role \(role.name): \(setting.name) = \(setting.value)")
        }
        return changes
    }

    /// Whether it had to be set. A verifier is stored, so that no statement and no log ever holds the password.
    private func keepPassword(_ role: Role, _ connection: PostgresConnection) async throws -> Bool {
        let file = "\(passwords)/postgres-\(role.name)"
        guard let text = try? String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .newlines), !text.isEmpty
        else {
            throw GuardianError(
                "there is no password for \(role.name): \(file)", hint: "set roles.passwords to a folder of such files")
        }
        let stored = try await connection.query("SELECT rolpassword FROM pg_authid WHERE rolname = \(role.name)")
        if let verifier = try stored.decode(0, 0, as: String?.self), SCRAMVerifier(verifier)?.matches(text) == true {
            return false
        }
        let verifier = try await connection.scramVerifier(password: text, role: role.name)
        try await run("ALTER ROLE \(role.name) PASSWORD '\(verifier)'", connection)
        return true
    }

    // MARK: The database

    private func keepDatabase(_ connection: PostgresConnection) async throws -> [String] {
        var changes: [String] = []
        let rows = try await connection.query(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = \(database)")
        if rows.isEmpty {
            try await run(
                "CREATE DATABASE \(database) OWNER \(Role.owner) TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'",
                connection)
            changes.append("database \(database) created")
        } else if try rows.decode(0, 0, as: String.self) != Role.owner {
            try await run("ALTER DATABASE \(database) OWNER TO \(Role.owner)", connection)
            changes.append("database \(database): owner set")
        }
        for name in [database, "postgres"] {
            let open = try await connection.query(
                """
                SELECT EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                WHERE d.datname = \(name) AND a.grantee = 0)
                """)
            if try open.decode(0, 0, as: Bool.self) {
                try await run("REVOKE ALL ON DATABASE \(name) FROM PUBLIC", connection)
                changes.append("database \(name): closed to PUBLIC")
            }
        }
        // Whatever database there is may be used against ours.
        let closed = try await connection.query("SELECT NOT has_database_privilege(\(Role.watch), 'postgres', 'CONNECT')")
        if try closed.decode(0, 0, as: Bool.self) {
            try await run("GRANT CONNECT ON DATABASE postgres TO \(Role.watch)", connection)
            changes.append("database postgres: open to \(Role.watch)")
        }
        for role in Role.all where role.connects {
            let allowed = try await connection.query("SELECT has_database_privilege(\(role.name), \(database), 'CONNECT')")
            if try allowed.decode(0, 0, as: Bool.self) { continue }
            try await run("GRANT CONNECT ON DATABASE \(database) TO \(role.name)", connection)
            changes.append("database \(database): open to \(role.name)")
        }
        return changes
    }

    private func keepSchema(_ connection: PostgresConnection) async throws -> [String] {
        var changes: [String] = []
        let open = try await connection.query(
            """
            SELECT EXISTS (SELECT FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
            WHERE n.nspname = 'public' AND a.grantee = 0)
            """)
        if try open.decode(0, 0, as: Bool.self) {
            try await run("REVOKE ALL ON SCHEMA public FROM PUBLIC", connection)
            changes.append("schema public: closed to PUBLIC")
        }
        // For the guardian's ledgers: a named point, and the segment that holds it sent to the archive at once.
        for function in ["pg_create_restore_point(text)", "pg_switch_wal()"] {
            let allowed = try await connection.query("SELECT has_function_privilege(\(Role.owner), \(function), 'EXECUTE')")
            if try allowed.decode(0, 0, as: Bool.self) { continue }
            try await run("GRANT EXECUTE ON FUNCTION \(function) TO \(Role.owner)", connection)
            changes.append("function \(function): open to \(Role.owner)")
        }
        let audit = try await connection.query(
            """
            SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgaudit')
                AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pgaudit')
                AND 'pgaudit' = ANY (string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ','))
            """)
        if try audit.decode(0, 0, as: Bool.self) {
            try await run("CREATE EXTENSION pgaudit", connection)
            changes.append("extension pgaudit created")
        }
        changes += try await WatchAccess.keep(connection)
        let counting = try await connection.query(
            """
            SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements')
                AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
                AND 'pg_stat_statements' = ANY (string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ','))
            """)
        if try counting.decode(0, 0, as: Bool.self) {
            try await run("CREATE EXTENSION pg_stat_statements SCHEMA everline_watch", connection)
            changes.append("extension pg_stat_statements created")
        }
        return changes
    }

    // MARK: Connections

    private func run(_ sql: String, _ connection: PostgresConnection) async throws {
        do {
            try await connection.query(
                PostgresQuery(PostgresStatement(unsafeSQL: sql, prepared: false)), deadline: .seconds(60))
        } catch let error as PostgresError {
            // Not the statement: it may hold a verifier.
            throw GuardianError("the roles cannot be set up: \(error.message)")
        }
    }

    private func withConnection(to database: String?, _ body: (PostgresConnection) async throws -> Void) async throws {
        var configuration = superuser
        if let database { configuration.conninfo += " dbname=\(database)" }
        let connection = try await PostgresConnection.connect(configuration, logger: logger, deadline: .seconds(30))
        do {
            try await body(connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}

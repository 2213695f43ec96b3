package import EverlinePostgres
package import EverlineService
import Foundation
package import Logging

/// Asks a server for its facts: as the superuser of roles.conninfo, or, where there is none, as the guardian, who sees less.
package struct FactReader: Sendable {
    package let configuration: PostgresConfiguration
    private let database: String
    private let logger: Logger

    /// - Parameter verb: what for, as at the prompt.
    package init(_ settings: Settings, for verb: String, logger: Logger) throws {
        configuration =
            settings.optional("roles.conninfo") != nil
            ? try settings.superuser(verb) : try settings.own(verb)
        database = try settings.string("roles.database")
        self.logger = logger
    }

    package func facts() async throws -> ServerFacts {
        var facts = ServerFacts()
        try await withConnection(to: nil) { connection in
            facts.major = try await connection.query("SELECT current_setting('server_version_num')::int / 10000").decode(0, 0)
            facts.superuser = try await connection.query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").decode(
                0, 0)
            facts.settings = try await Self.settings(connection, facts.superuser)
            facts.roles = try await Self.roles(connection, facts.superuser)
            facts.predefined = try await Self.lines(Self.predefined, connection)
            facts.overrides = try await Self.lines(Self.overrides, connection)
            if facts.superuser {
                facts.access = try await Self.access(connection)
                facts.fileErrors = try await Self.lines(Self.fileErrors, connection) + Self.lines(Self.waiting, connection)
            }
            facts.archiver = try await Self.archiver(connection)
            facts.databases = try await connection.query(
                "SELECT datname::text FROM pg_database WHERE datallowconn ORDER BY datname"
            ).map {
                ServerFacts.Database(name: try $0[0].decode())
            }
        }
        for index in facts.databases.indices {
            do {
                try await withConnection(to: facts.databases[index].name) { connection in
                    try await Self.look(into: &facts.databases[index], connection)
                    if facts.databases[index].name == database {
                        facts.objectAuditLacks = try await Self.objectAudit(facts.value("pgaudit.role"), connection)
                    }
                }
            } catch {
                // As the guardian, who may not connect everywhere: then it is not known.
                guard !facts.superuser else { throw error }
                facts.databases[index].extensions = ["(cannot be looked into)"]
            }
        }
        return facts
    }

    // MARK: Parts

    /// What the server's files say, which a superuser's own session may show otherwise: `pgaudit.log = 'all'` is set for the role.
    private static let fromFiles: PostgresQuery = """
        WITH files AS MATERIALIZED (SELECT name, setting, sourcefile, sourceline FROM pg_file_settings WHERE applied)
        SELECT s.name, CASE WHEN own THEN coalesce(f.setting, s.boot_val) ELSE s.setting END,
            CASE WHEN own THEN CASE WHEN f.name IS NULL THEN 'default' ELSE 'configuration file' END ELSE s.source END,
            coalesce(s.sourcefile, f.sourcefile), coalesce(s.sourceline, f.sourceline), s.pending_restart, s.context = 'postmaster'
        FROM pg_settings s CROSS JOIN LATERAL (SELECT s.source IN ('user', 'database', 'database user', 'session', 'client') AS own) o
        LEFT JOIN files f ON f.name = s.name
        """
    private static let asSeen: PostgresQuery = """
        SELECT name, setting, source, sourcefile, sourceline, pending_restart, context = 'postmaster' FROM pg_settings
        """

    private static func settings(_ connection: PostgresConnection, _ asSuperuser: Bool) async throws -> [String: ServerFacts
        .Setting]
    {
        var all: [String: ServerFacts.Setting] = [:]
        for row in try await connection.query(asSuperuser ? fromFiles : asSeen) {
            all[try row[0].decode()] = ServerFacts.Setting(
                value: try row[1].decode(as: String?.self) ?? "", source: try row[2].decode(), file: try row[3].decode(),
                line: try row[4].decode(), pendingRestart: try row[5].decode(), needsRestart: try row[6].decode())
        }
        return all
    }

    private static func access(_ connection: PostgresConnection) async throws -> [ServerFacts.Access] {
        try await connection.query(
            """
            SELECT line_number, type, database, user_name, address, netmask, auth_method, error FROM pg_hba_file_rules ORDER BY line_number
            """
        ).map { row in
            ServerFacts.Access(
                line: try row[0].decode(), type: try row[1].decode(as: String?.self) ?? "",
                databases: try row[2].decode(as: [String]?.self) ?? [], users: try row[3].decode(as: [String]?.self) ?? [],
                address: try row[4].decode(), mask: try row[5].decode(), method: try row[6].decode(as: String?.self) ?? "",
                error: try row[7].decode())
        }
    }

    private static func roles(_ connection: PostgresConnection, _ asSuperuser: Bool) async throws -> [ServerFacts.Role] {
        let passwords: PostgresQuery = """
            SELECT rolname::text, oid = 10, rolsuper, rolcanlogin, rolreplication,
                array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
                    CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL),
                CASE WHEN rolpassword IS NULL THEN 'none' WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram' WHEN rolpassword LIKE 'md5%' THEN 'md5'
                    ELSE 'other' END,
                coalesce((SELECT array_agg(c) FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setrole = r.oid AND s.setdatabase = 0), '{}')
            FROM pg_authid r ORDER BY rolname
            """
        let without: PostgresQuery = """
            SELECT rolname::text, oid = 10, rolsuper, rolcanlogin, rolreplication,
                array_remove(ARRAY[CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
                    CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END], NULL),
                'unknown', coalesce(rolconfig, '{}')
            FROM pg_roles ORDER BY rolname
            """
        return try await connection.query(asSuperuser ? passwords : without).map { row in
            ServerFacts.Role(
                name: try row[0].decode(), isBootstrap: try row[1].decode(), isSuperuser: try row[2].decode(),
                powers: try row[5].decode(), canLogin: try row[3].decode(), replicates: try row[4].decode(),
                password: try row[6].decode(), settings: try row[7].decode())
        }
    }

    private static let predefined: PostgresQuery = """
        SELECT m.rolname || ' in ' || r.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
        WHERE r.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_read_all_data', 'pg_write_all_data',
            'pg_signal_backend', 'pg_database_owner', 'pg_checkpoint', 'pg_create_subscription', 'pg_maintain')
        ORDER BY 1
        """

    /// What would silence the audit for a role, a database or both.
    private static let overrides: PostgresQuery = """
        SELECT coalesce(r.rolname, 'every role') || ' in ' || coalesce(d.datname, 'every database') || ': ' || c
        FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
        WHERE c ~ '^(pgaudit[.]|log_|session_preload_libraries|session_replication_role|local_preload_libraries|row_security)'
            AND NOT c = ANY (ARRAY['pgaudit.log=all'])
        ORDER BY 1
        """

    private static let fileErrors: PostgresQuery = """
        SELECT sourcefile || ':' || sourceline || ': ' || coalesce(name, '') || ' ' || error FROM pg_file_settings
        WHERE error IS NOT NULL AND error <> 'setting could not be applied' ORDER BY seqno
        """

    /// What stands in a file and is not in force, because nobody has reloaded it; of the kinds whose values are written in one way.
    private static let waiting: PostgresQuery = """
        SELECT f.name || ' = ' || f.setting || ' (' || f.sourcefile || ':' || f.sourceline || ') waits for a reload'
        FROM pg_file_settings f JOIN pg_settings s ON s.name = f.name
        WHERE f.applied AND s.vartype IN ('bool', 'enum') AND s.context <> 'postmaster' AND s.source = 'configuration file'
            AND lower(s.setting) <> CASE WHEN s.vartype = 'enum' THEN lower(f.setting) WHEN lower(f.setting) IN ('on', 'true', 'yes', '1', 't', 'y')
                THEN 'on' ELSE 'off' END
        ORDER BY f.name
        """

    private static func archiver(_ connection: PostgresConnection) async throws -> (
        archived: Int64, failedLast: Bool, failed: String?
    ) {
        let rows = try await connection.query(
            """
            SELECT archived_count, last_failed_time IS NOT NULL AND last_failed_time > coalesce(last_archived_time, '-infinity'), last_failed_wal
            FROM pg_stat_archiver
            """)
        return (try rows.decode(0, 0), try rows.decode(0, 1), try rows.decode(0, 2))
    }

    private static func look(into database: inout ServerFacts.Database, _ connection: PostgresConnection) async throws {
        database.extensions = try await lines("SELECT extname::text FROM pg_extension ORDER BY 1", connection)
        database.hasPgaudit = database.extensions.contains("pgaudit")
        database.publicCreates = try await connection.query(
            """
            SELECT EXISTS (SELECT FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
            WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE')
            """
        ).decode(0, 0)
        database.loose = try await lines(
            """
            SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                AND NOT EXISTS (SELECT FROM unnest(coalesce(p.proconfig, '{}')) c WHERE c LIKE 'search_path=%')
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
            ORDER BY 1
            """, connection)
        database.untrusted = try await lines(
            "SELECT lanname::text FROM pg_language WHERE NOT lanpltrusted AND lanname NOT IN ('internal', 'c') ORDER BY 1",
            connection)
    }

    private static func objectAudit(_ role: String, _ connection: PostgresConnection) async throws -> [String] {
        guard !role.isEmpty else { return ["pgaudit.role is not set"] }
        return try await lines(
            """
            SELECT w.privilege || ' on ' || w.name FROM (VALUES ('everline.users', 'SELECT'), ('everline.messages', 'UPDATE'), ('everline.messages', 'DELETE'))
                AS w (name, privilege)
            WHERE to_regclass(w.name) IS NOT NULL AND NOT EXISTS (
                SELECT FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
                WHERE c.oid = to_regclass(w.name) AND r.rolname = \(role) AND a.privilege_type = w.privilege)
            """, connection)
    }

    private static func lines(_ query: PostgresQuery, _ connection: PostgresConnection) async throws -> [String] {
        try await connection.query(query).map { try $0[0].decode() }
    }

    /// - Parameter database: nil for that of the connection string.
    package func withConnection<R>(to database: String?, _ body: (PostgresConnection) async throws -> R) async throws -> R {
        var configuration = configuration
        if let database { configuration.conninfo += " dbname=\(Self.quoted(database))" }
        return try await SourceServer.withConnection(configuration, logger, body)
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "\\'") + "'"
    }
}

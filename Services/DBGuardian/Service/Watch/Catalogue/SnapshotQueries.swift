import EverlinePostgres

/// One query for what a cluster has in common and one for a database. Each row: kind, name, attributes as `name=value`, apart by the unit separator.
enum SnapshotQueries {
    /// Settings by which a server is made deaf, open or forgetful.
    static let settings = [
        "pgaudit.log", "pgaudit.role", "pgaudit.log_catalog", "pgaudit.log_level", "pgaudit.log_relation", "pgaudit.log_rows",
        "pgaudit.log_statement", "pgaudit.log_statement_once", "pgaudit.log_client", "pgaudit.log_parameter",
        "log_connections", "log_disconnections", "log_destination", "log_directory", "log_filename", "log_file_mode",
        "log_min_messages", "log_min_error_statement", "log_error_verbosity", "log_truncate_on_rotation", "log_statement",
        "log_timezone", "logging_collector", "ssl", "ssl_min_protocol_version", "ssl_ciphers", "ssl_ca_file", "ssl_cert_file",
        "password_encryption", "shared_preload_libraries", "session_preload_libraries", "local_preload_libraries",
        "dynamic_library_path", "jit_provider", "archive_mode", "archive_command", "archive_library", "archive_timeout",
        "restore_command", "primary_conninfo", "hba_file", "ident_file", "listen_addresses", "unix_socket_permissions",
        "fsync", "full_page_writes", "synchronous_commit", "wal_level", "data_checksums", "ignore_checksum_failure",
        "zero_damaged_pages", "row_security", "session_replication_role", "allow_system_table_mods", "krb_server_keyfile",
        "authentication_timeout", "event_triggers", "ssl_passphrase_command", "archive_cleanup_command", "recovery_end_command",
        "track_counts", "track_activities", "compute_query_id", "lc_messages",
    ]

    static func cluster(_ session: PostgresSession) async throws -> Snapshot {
        try await snapshot(
            session.query(
                """
                SELECT 'role', rolname::text, concat_ws(E'\\x1f', 'superuser=' || left(rolsuper::text, 1), 'createrole=' || left(rolcreaterole::text, 1),
                    'createdb=' || left(rolcreatedb::text, 1), 'bypassrls=' || left(rolbypassrls::text, 1), 'replication=' || left(rolreplication::text, 1),
                    'login=' || left(rolcanlogin::text, 1), 'inherit=' || left(rolinherit::text, 1), 'limit=' || rolconnlimit,
                    'until=' || rolvaliduntil) FROM pg_roles
                UNION ALL SELECT 'password', role, concat_ws(E'\\x1f', 'kind=' || kind, 'digest=' || digest) FROM everline_watch.passwords
                UNION ALL SELECT 'membership', pg_get_userbyid(member) || ' of ' || pg_get_userbyid(roleid),
                    concat_ws(E'\\x1f', 'member=' || pg_get_userbyid(member), 'group=' || pg_get_userbyid(roleid), 'admin=' || left(admin_option::text, 1)) FROM pg_auth_members
                UNION ALL SELECT 'role setting', concat_ws(' ', coalesce(r.rolname, 'everyone'), 'in ' || d.datname, split_part(c, '=', 1)),
                    concat_ws(E'\\x1f', 'role=' || r.rolname, 'database=' || d.datname, 'name=' || split_part(c, '=', 1), 'value=' || substr(c, strpos(c, '=') + 1))
                    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
                UNION ALL SELECT 'parameter right', parname, 'acl=' || paracl::text FROM pg_parameter_acl
                UNION ALL SELECT 'setting', name, concat_ws(E'\\x1f', 'value=' || setting) FROM pg_settings WHERE name = ANY (\(settings))
                UNION ALL SELECT 'hba rule', concat_ws(' ', type, array_to_string(database, ','), array_to_string(user_name, ','), address, netmask, auth_method,
                    array_to_string(options, ',')), concat_ws(E'\\x1f', 'type=' || type, 'address=' || address, 'netmask=' || netmask, 'method=' || auth_method,
                    'users=' || array_to_string(user_name, ','), 'databases=' || array_to_string(database, ',')) FROM pg_hba_file_rules WHERE error IS NULL
                UNION ALL SELECT 'hba order', 'pg_hba.conf', 'order=' || md5(coalesce(string_agg(concat_ws(' ', type, database::text, user_name::text, address, netmask,
                    auth_method, options::text, error), ',' ORDER BY line_number), '')) FROM pg_hba_file_rules
                UNION ALL SELECT 'database', datname::text, concat_ws(E'\\x1f', 'owner=' || pg_get_userbyid(datdba), 'connections=' || left(datallowconn::text, 1),
                    'acl=' || datacl::text) FROM pg_database
                UNION ALL SELECT 'replication slot', slot_name::text, concat_ws(E'\\x1f', 'type=' || slot_type, 'plugin=' || plugin, 'database=' || database)
                    FROM pg_replication_slots WHERE NOT temporary
                UNION ALL SELECT 'tablespace', spcname::text, concat_ws(E'\\x1f', 'owner=' || pg_get_userbyid(spcowner), 'acl=' || spcacl::text,
                    'place=' || pg_tablespace_location(oid)) FROM pg_tablespace
                """, deadline: .seconds(20)))
    }

    private static let database = PostgresStatement(
        """
        WITH own AS MATERIALIZED (
            SELECT oid, nspname FROM pg_namespace WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
        )
        SELECT 'extension', extname::text, concat_ws(E'\\x1f', 'version=' || extversion, 'owner=' || pg_get_userbyid(extowner)) FROM pg_extension
        UNION ALL SELECT 'language', lanname::text, concat_ws(E'\\x1f', 'trusted=' || left(lanpltrusted::text, 1), 'acl=' || lanacl::text, 'extension=' || (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_language'::regclass AND d.objid = l.oid AND d.deptype = 'e')) FROM pg_language l
        UNION ALL SELECT 'schema', n.nspname::text, concat_ws(E'\\x1f', 'owner=' || pg_get_userbyid(nspowner), 'acl=' || nspacl::text, 'extension=' || (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')) FROM pg_namespace n
            WHERE n.nspname NOT LIKE 'pg\\_temp%' AND n.nspname NOT LIKE 'pg\\_toast%'
        UNION ALL SELECT 'relation', n.nspname || '.' || c.relname, concat_ws(E'\\x1f', 'type=' || relkind::text, 'owner=' || pg_get_userbyid(relowner), 'acl=' || relacl::text,
            'columns=' || CASE WHEN relkind = 'S' THEN '0' ELSE (SELECT md5(string_agg(concat_ws(' ', attname, atttypid, atttypmod, attnotnull, attgenerated, attidentity, adbin), ',' ORDER BY attnum))
                FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped) END, 'rowsecurity=' || left(relrowsecurity::text, 1),
            'forced=' || left(relforcerowsecurity::text, 1), 'file=' || CASE WHEN n.nspname = 'everline' AND relkind = 'r' THEN relfilenode END, 'options=' || reloptions::text,
            'extension=' || (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'),
            'definition=' || CASE WHEN relkind IN ('v', 'm') THEN md5(pg_get_viewdef(c.oid)) END)
            FROM pg_class c JOIN own n ON n.oid = c.relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
        UNION ALL SELECT 'system relation', c.relname::text, concat_ws(E'\\x1f', 'owner=' || pg_get_userbyid(relowner), 'acl=' || relacl::text)
            FROM pg_class c WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
        UNION ALL SELECT 'column right', n.nspname || '.' || c.relname || '.' || a.attname, 'acl=' || a.attacl::text
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attacl IS NOT NULL
        UNION ALL SELECT 'function', n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
            concat_ws(E'\\x1f', 'owner=' || pg_get_userbyid(proowner), 'definer=' || left(prosecdef::text, 1), 'language=' || l.lanname,
            'path=' || (SELECT x FROM unnest(p.proconfig) x WHERE x LIKE 'search_path=%'), 'acl=' || proacl::text, 'extension=' || (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'),
            'body=' || md5(concat(prosrc, probin, array_to_string(proconfig, ',')))) FROM pg_proc p JOIN own n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
        UNION ALL SELECT 'system functions', 'pg_catalog', concat_ws(E'\\x1f', 'count=' || count(*), 'state=' || sum(xmin::text::bigint))
            FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        UNION ALL SELECT 'trigger', n.nspname || '.' || c.relname || '.' || t.tgname, concat_ws(E'\\x1f', 'enabled=' || tgenabled::text, 'function=' || t.tgfoid::regproc::text, 'type=' || tgtype)
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT tgisinternal
        UNION ALL SELECT 'constraint trigger', n.nspname || '.' || c.relname, 'disabled=' || count(*)::text
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE tgisinternal AND tgenabled = 'D' GROUP BY 2
        UNION ALL SELECT 'event trigger', evtname::text, concat_ws(E'\\x1f', 'enabled=' || evtenabled::text, 'event=' || evtevent, 'function=' || evtfoid::regproc::text,
            'extension=' || (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e')) FROM pg_event_trigger t
        UNION ALL SELECT 'policy', n.nspname || '.' || c.relname || '.' || polname, concat_ws(E'\\x1f', 'command=' || polcmd::text, 'permissive=' || left(polpermissive::text, 1),
            'using=' || pg_get_expr(polqual, polrelid), 'check=' || pg_get_expr(polwithcheck, polrelid), 'roles=' || polroles::regrole[]::text)
            FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        UNION ALL SELECT 'constraint', n.nspname || '.' || r.relname || '.' || conname, concat_ws(E'\\x1f', 'type=' || contype::text, 'valid=' || left(convalidated::text, 1),
            'columns=' || conkey::text, 'references=' || confrelid::regclass::text, 'condition=' || md5(conbin::text), 'extension=' || (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype = 'e'))
            FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN own n ON n.oid = r.relnamespace WHERE r.relpersistence <> 't'
        UNION ALL SELECT 'rule', n.nspname || '.' || c.relname || '.' || r.rulename, concat_ws(E'\\x1f', 'enabled=' || ev_enabled::text, 'event=' || ev_type::text, 'definition=' || md5(pg_get_ruledef(r.oid)))
            FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN own n ON n.oid = c.relnamespace WHERE rulename <> '_RETURN'
        UNION ALL SELECT 'default right', concat_ws(' ', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, defaclobjtype), 'acl=' || defaclacl::text FROM pg_default_acl
        UNION ALL SELECT 'publication', pubname::text, concat_ws(E'\\x1f', 'owner=' || pg_get_userbyid(pubowner), 'all=' || left(puballtables::text, 1)) FROM pg_publication
        UNION ALL SELECT 'subscription', subname::text, 'enabled=' || left(subenabled::text, 1) FROM pg_subscription
        UNION ALL SELECT 'foreign server', srvname::text, concat_ws(E'\\x1f', 'owner=' || pg_get_userbyid(srvowner), 'options=' || md5(srvoptions::text)) FROM pg_foreign_server
        """)

    /// Of the database that the connection is to.
    static func database(_ run: (PostgresStatement) async throws -> PostgresRows) async throws -> Snapshot {
        snapshot(try await run(database))
    }

    private static func snapshot(_ rows: PostgresRows) -> Snapshot {
        var snapshot = Snapshot()
        for row in 0..<rows.count {
            func text(_ column: Int) -> String {
                rows.withBytes(row, column) { $0.map { String(decoding: $0, as: UTF8.self) } ?? "" }
            }
            snapshot.things[text(0), default: [:]][text(1)] = text(2)
        }
        return snapshot
    }
}

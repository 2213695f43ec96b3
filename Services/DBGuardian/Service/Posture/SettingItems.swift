import Foundation

/// Parameters, by the groups of the benchmark, TLS and replication.
enum SettingItems: PostureSection {
    private static let hint = "ALTER SYSTEM RESET, or find who set it and why"

    static func items(_ facts: ServerFacts) -> [PostureItem] {
        let pending = facts.settings.filter(\.value.pendingRestart).map(\.key).sorted()
        return [
            facts.item(
                "data-checksums", cis: "1.4.3", setting: "data_checksums", { $0 == "on" },
                hint: "pg_checksums --enable, while the server is down"),
            facts.item(
                "backend-parameters", cis: "6.2",
                settings: [
                    ("ignore_system_indexes", ["off"]), ("jit_debugging_support", ["off"]), ("jit_profiling_support", ["off"]),
                    ("log_connections", ["on"]),
                    ("log_disconnections", ["on"]), ("post_auth_delay", ["0"]),
                ], hint: hint),
            PostureItem(
                "postmaster-parameters", cis: "6.3", pending.isEmpty && facts.fileErrors.isEmpty,
                pending.isEmpty && facts.fileErrors.isEmpty
                    ? "all in force" : (pending.map { "\($0) waits for a restart" } + facts.fileErrors).shown(),
                source: facts.value("config_file"),
                hint: "restart the server, or mend the file"),
            facts.item(
                "reload-parameters", cis: "6.4",
                settings: [
                    ("fsync", ["on"]), ("full_page_writes", ["on"]), ("autovacuum", ["on"]), ("db_user_namespace", ["off"]),
                    ("pre_auth_delay", ["0"]),
                    ("remove_temp_files_after_crash", ["on"]), ("trace_recovery_messages", ["log"]),
                ], hint: hint),
            facts.item(
                "superuser-parameters", cis: "6.5",
                settings: [
                    ("session_replication_role", ["origin"]), ("allow_system_table_mods", ["off"]),
                    ("zero_damaged_pages", ["off"]),
                    ("ignore_checksum_failure", ["off"]), ("ignore_invalid_pages", ["off"]), ("lo_compat_privileges", ["off"]),
                    ("session_preload_libraries", [""]),
                    ("dynamic_library_path", ["$libdir"]), ("log_executor_stats", ["off"]),
                ], hint: hint),
            facts.item(
                "user-parameters", cis: "6.6",
                settings: [
                    ("row_security", ["on"]), ("check_function_bodies", ["on"]), ("local_preload_libraries", [""]),
                    ("standard_conforming_strings", ["on"]),
                    ("default_transaction_read_only", ["off"]), ("transform_null_equals", ["off"]),
                ], hint: hint),
            fips, tls(facts),
        ] + replication(facts)
    }

    /// The kernel's word for the machine that this runs on; libcrypto follows it.
    private static var fips: PostureItem {
        let on =
            FileManager.default.contents(atPath: "/proc/sys/crypto/fips_enabled").map {
                String(decoding: $0, as: UTF8.self).hasPrefix("1")
            } ?? false
        return PostureItem(
            "fips", cis: "6.7", on, on ? "FIPS mode is on" : "FIPS mode is off", source: "/proc/sys/crypto/fips_enabled",
            hint: "needed only where FIPS 140 is a rule; where it is not: audit.accepted = 6.7")
    }

    private static func tls(_ facts: ServerFacts) -> PostureItem {
        let version = facts.value("ssl_min_protocol_version")
        let ok = facts.isOn("ssl") && ["TLSv1.2", "TLSv1.3"].contains(version)
        return PostureItem(
            "tls", cis: "6.8", ok, "ssl = \(facts.value("ssl")), ssl_min_protocol_version = \(version)",
            source: facts.settings["ssl"]?.place,
            hint: "a certificate (ssl_cert_file, ssl_key_file), then db-guardian audit harden")
    }

    private static func replication(_ facts: ServerFacts) -> [PostureItem] {
        let only = facts.roles.filter { $0.replicates && $0.canLogin && $0.powers.isEmpty }.map(\.name)
        let archives =
            facts.value("archive_mode") != "off"
            && !(facts.value("archive_command").isEmpty && facts.value("archive_library").isEmpty)
        let isWell = archives && !facts.archiver.failedLast
        let plain = facts.access.filter { $0.databases.contains("replication") && $0.type == "host" }
        let streams =
            ["replica", "logical"].contains(facts.value("wal_level")) && Int(facts.value("max_wal_senders")) ?? 0 > 0
            && plain.isEmpty
        return [
            PostureItem(
                "replication-role", cis: "7.1", !only.isEmpty, only.shown(), source: "pg_roles",
                hint: "CREATE ROLE replicator REPLICATION LOGIN: db-guardian roles"),
            facts.item(
                "log-replication-commands", cis: "7.2", setting: "log_replication_commands", { $0 == "on" },
                hint: "db-guardian audit harden"),
            PostureItem(
                "wal-archiving", cis: "7.4", isWell,
                archives
                    ? "\(facts.archiver.archived) segments archived\(facts.archiver.failedLast ? "; the last try failed: \(facts.archiver.failed ?? "")" : "")"
                    : "archive_mode = \(facts.value("archive_mode"))",
                source: facts.settings["archive_mode"]?.place,
                hint: "archive_mode = on, archive_command = 'db-guardian wal push \"%p\"'; the server's log says why it fails"),
            PostureItem(
                "streaming-replication", cis: "7.5", streams,
                "wal_level = \(facts.value("wal_level")), max_wal_senders = \(facts.value("max_wal_senders"))\(plain.isEmpty ? "" : "; replication without TLS in line \(plain[0].line) of pg_hba.conf")",
                source: facts.settings["wal_level"]?.place,
                hint: "wal_level = replica, max_wal_senders > 0, and hostssl for replication"),
        ]
    }
}

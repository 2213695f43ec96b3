import EverlineCryptography
import EverlinePostgres

/// What the role of the watch needs beside pg_monitor, each as narrow as it can be: the log's files and no others, whether a password was changed and
/// not what it is, the rules of pg_hba.conf. Owned by the superuser, in a schema that only that role looks into.
enum WatchAccess {
    /// EXECUTE on pg_read_binary_file would read any file of the server; this reads what pg_ls_logdir names.
    private static let script = """
        CREATE SCHEMA IF NOT EXISTS everline_watch;
        REVOKE ALL ON SCHEMA everline_watch FROM PUBLIC;
        GRANT USAGE ON SCHEMA everline_watch TO everline_watch;

        -- What is new in the log's files behind the given offsets, the oldest files first; each from `overlap` bytes before its offset. A known file
        -- that is not there any more has the size -1.
        CREATE OR REPLACE FUNCTION everline_watch.read_log(
            p_names text[], p_offsets bigint[], p_overlaps bigint[], p_most bigint, p_files bigint
        ) RETURNS TABLE (name text, size bigint, content bytea)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        #variable_conflict use_column
        DECLARE
            v_folder text := current_setting('log_directory');
        BEGIN
            RETURN QUERY
            WITH files AS MATERIALIZED (
                SELECT f.name, f.size, f.modification FROM pg_ls_logdir() f WHERE f.name LIKE '%.json'
            ), known AS MATERIALIZED (
                SELECT k.name, k.at, k.overlap FROM unnest(p_names, p_offsets, p_overlaps) AS k (name, at, overlap)
            ), news AS MATERIALIZED (
                SELECT f.name, f.size, coalesce(k.at - k.overlap, 0) AS start
                FROM files f LEFT JOIN known k ON k.name = f.name
                WHERE f.size <> coalesce(k.at, 0)
                ORDER BY f.modification, f.name LIMIT p_files
            )
            SELECT n.name, n.size, CASE WHEN n.size > n.start THEN
                pg_read_binary_file(v_folder || '/' || n.name, n.start, least(p_most, n.size - n.start, 16777216), true) END
            FROM news n
            UNION ALL
            SELECT k.name, -1::bigint, NULL FROM known k WHERE NOT EXISTS (SELECT FROM files f WHERE f.name = k.name);
        END $$;
        REVOKE ALL ON FUNCTION everline_watch.read_log FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION everline_watch.read_log TO everline_watch;

        -- Enough to see a change, too little to find a password by trying.
        CREATE OR REPLACE VIEW everline_watch.passwords AS
        SELECT a.rolname::text AS role,
            CASE WHEN a.rolpassword IS NULL THEN 'none' WHEN a.rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram-sha-256'
                WHEN a.rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5' ELSE 'plain' END AS kind,
            substr(encode(sha256(convert_to(coalesce(a.rolpassword, ''), 'UTF8')), 'hex'), 1, 6) AS digest
        FROM pg_catalog.pg_authid a;
        GRANT SELECT ON everline_watch.passwords TO everline_watch;

        GRANT SELECT ON pg_catalog.pg_hba_file_rules TO everline_watch;
        GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO everline_watch;
        """

    /// What was changed.
    static func keep(_ connection: PostgresConnection) async throws -> [String] {
        let version = "made by db-guardian roles, \(Hex.encode(Array(DigestAlgorithm.sha256.digest(Array(script.utf8))[..<8])))"
        let found = try await connection.query("SELECT obj_description(to_regnamespace('everline_watch')::oid, 'pg_namespace')")
        if try found.decode(0, 0, as: String?.self) == version { return [] }
        try await connection.executeScript(
            unsafeSQL: "BEGIN;\n\(script)\nCOMMENT ON SCHEMA everline_watch IS '\(version)';\nCOMMIT;", deadline: .seconds(60))
        return ["schema everline_watch: made"]
    }
}

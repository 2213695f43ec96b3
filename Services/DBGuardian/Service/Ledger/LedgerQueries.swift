import EverlinePostgres

/// What a ledger says, asked of a database: of the running one when it is recorded, of a restored one when it is compared.
enum LedgerQueries {
    /// Where sums begin, for each room that something is known of; all others begin at their first message.
    struct Since {
        var rooms: [Int64] = []
        /// Messages and revisions behind these are new to `identity`.
        var seqs: [Int64] = []
        var revs: [Int64] = []
        /// Messages behind these are in `content`.
        var contents: [Int64] = []
    }

    /// Digests are sums of 64-bit hashes of rows, modulo 2^64: what is new is added to what was known, in any order. Times go
    /// in as microseconds, so
    /// that no session's settings change them.
    static func rooms(_ since: Since, _ connection: PostgresConnection) async throws -> [Ledger.Room] {
        let rows = try await connection.query(
            """
            SELECT c.room_id, r.name, c.last_seq, c.last_rev, c.members_rev, coalesce(s.content, 0) + 1,
                mod(mod(m.identity + v.identity, 18446744073709551616) + 18446744073709551616, 18446744073709551616)::text,
                mod(mod(m.content, 18446744073709551616) + 18446744073709551616, 18446744073709551616)::text
            FROM everline.room_counters c
            JOIN everline.rooms r ON r.id = c.room_id
            LEFT JOIN unnest(\(since.rooms), \(since.seqs), \(since.revs), \(since.contents)) AS s (id, seq, rev, content) ON s.id = c.room_id
            CROSS JOIN LATERAL (
                SELECT
                    coalesce(sum(hashtextextended(concat_ws('|', x.seq, x.sender_id, x.client_id,
                        (extract(epoch FROM x.sent_at) * 1000000)::bigint, x.reply_to), 1)::numeric)
                        FILTER (WHERE x.seq > coalesce(s.seq, 0)), 0) AS identity,
                    coalesce(sum(hashtextextended(concat_ws('|', x.seq, x.sender_id, x.client_id,
                        (extract(epoch FROM x.sent_at) * 1000000)::bigint, coalesce(x.reply_to, 0), coalesce(x.rev, 0),
                        coalesce((extract(epoch FROM x.edited_at) * 1000000)::bigint, 0),
                        coalesce((extract(epoch FROM x.deleted_at) * 1000000)::bigint, 0), coalesce(x.reactions::text, ''), x.body), 2)::numeric)
                        FILTER (WHERE x.seq > coalesce(s.content, 0)), 0) AS content
                FROM everline.messages x
                WHERE x.room_id = c.room_id AND x.seq > least(coalesce(s.seq, 0), coalesce(s.content, 0))
            ) m
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(hashtextextended(concat_ws('|', x.rev, x.seq, x.kind, x.reaction, x.actor_id, x.client_id,
                    (extract(epoch FROM x.at) * 1000000)::bigint), 3)::numeric), 0) AS identity
                FROM everline.revisions x WHERE x.room_id = c.room_id AND x.rev > coalesce(s.rev, 0)
            ) v
            ORDER BY c.room_id
            """, deadline: .seconds(3_600))
        return try rows.map { row in
            Ledger.Room(
                id: try row[0].decode(), name: try row[1].decode(), lastSeq: try row[2].decode(), lastRev: try row[3].decode(),
                membersRev: try row[4].decode(), identity: try row[6].decode(), contentFrom: try row[5].decode(),
                content: try row[7].decode())
        }
    }

    static func totals(_ connection: PostgresConnection) async throws -> Ledger.Totals {
        let rows = try await connection.query(
            """
            SELECT (SELECT coalesce(sum(last_seq), 0)::bigint FROM everline.room_counters), (SELECT count(*) FROM everline.users),
                (SELECT count(*) FROM everline.rooms), (SELECT count(*) FROM everline.room_members),
                (SELECT md5(coalesce(string_agg(concat_ws('|', id, username, username_key, display_name, admin, disabled), E'\\n' ORDER BY id), ''))
                    FROM everline.users)
                || (SELECT md5(coalesce(string_agg(concat_ws('|', id, name, kind, title, created_by), E'\\n' ORDER BY id), '')) FROM everline.rooms)
                || (SELECT md5(coalesce(string_agg(concat_ws('|', room_id, user_id, role), E'\\n' ORDER BY room_id, user_id), ''))
                    FROM everline.room_members)
            """, deadline: .seconds(600))
        return Ledger.Totals(
            messages: try rows.decode(0, 0), users: try rows.decode(0, 1), rooms: try rows.decode(0, 2),
            members: try rows.decode(0, 3),
            digest: try rows.decode(0, 4))
    }

    /// Roles, memberships, and what everybody may do with tables, functions and the database.
    static func roles(_ connection: PostgresConnection) async throws -> String {
        try await connection.query(
            """
            SELECT md5(concat_ws(E'\\n',
                (SELECT string_agg(concat_ws('|', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
                    array_to_string(rolconfig, ',')), E'\\n' ORDER BY rolname) FROM pg_roles),
                (SELECT string_agg(concat_ws('|', pg_get_userbyid(roleid), pg_get_userbyid(member), admin_option), E'\\n'
                    ORDER BY pg_get_userbyid(roleid), pg_get_userbyid(member)) FROM pg_auth_members),
                (SELECT string_agg(concat_ws('|', relname, pg_get_userbyid(relowner), relacl::text), E'\\n' ORDER BY relname)
                    FROM pg_class WHERE relnamespace = 'everline'::regnamespace AND relkind IN ('r', 'S', 'v')),
                (SELECT string_agg(concat_ws('|', oid::regprocedure::text, pg_get_userbyid(proowner), prosecdef, proacl::text, md5(prosrc)), E'\\n'
                    ORDER BY oid::regprocedure::text) FROM pg_proc WHERE pronamespace = 'everline'::regnamespace),
                (SELECT datacl::text FROM pg_database WHERE datname = current_database())))
            """, deadline: .seconds(60)
        ).decode(0, 0)
    }

    static func migrations(_ connection: PostgresConnection) async throws -> [String] {
        try await connection.query("SELECT concat(number, ' ', checksum) FROM everline.migrations ORDER BY number").map {
            try $0[0].decode()
        }
    }

    static func epoch(_ connection: PostgresConnection) async throws -> String {
        try await connection.query("SELECT generation || '-' || token FROM everline.epoch").first?[0].decode() ?? ""
    }
}

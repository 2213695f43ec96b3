-- Looking after accounts: second factors, what admins did, a login log that does not grow for ever, and the end of an account.

ALTER TABLE everline.users
    -- Nothing but changing the password is open to the user's sessions.
    ADD COLUMN must_change boolean NOT NULL DEFAULT false,
    -- The account was deleted then: its names are gone, and nobody can log in by it.
    ADD COLUMN deleted_at timestamptz;
-- Before an admin is made less than one, it is looked whether another remains.
CREATE INDEX users_admin ON everline.users (id) WHERE admin AND NOT disabled;

-- Deleted accounts whose reactions are still to be taken back, for they show the name, and whose messages are to become tombstones if so wanted. Apart from
-- the users, every look at which is audited.
CREATE TABLE everline.departures (
    user_id bigint PRIMARY KEY REFERENCES everline.users,
    burying boolean NOT NULL
);
CREATE INDEX reactions_user ON everline.reactions (user_id, room_id);

-- However much it is used, a session ends then.
ALTER TABLE everline.sessions ADD COLUMN ends_at timestamptz NOT NULL DEFAULT 'infinity';

-- Counts ends of sessions, after each: how gateways notice them that Redis cannot tell.
CREATE SEQUENCE everline.session_ends;

-- TOTP (RFC 6238). The secret is encrypted with a key that is not in the database (AES-256-GCM: nonce, text, tag).
CREATE TABLE everline.second_factors (
    user_id      bigint PRIMARY KEY REFERENCES everline.users,
    secret       bytea NOT NULL,
    begun_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL: its owner has not shown yet that they have it, so it is not asked for.
    confirmed_at timestamptz,
    -- The time step of the last code that was taken: neither it nor an older one is taken again.
    last_step    bigint NOT NULL DEFAULT 0
);
-- SHA-256 of each code that is left; a code is 80 random bits, so nothing slower is needed.
CREATE TABLE everline.recovery_codes (
    user_id bigint NOT NULL REFERENCES everline.users,
    hash    bytea NOT NULL,
    PRIMARY KEY (user_id, hash)
);

-- What admins, and people with their own account, did that somebody may ask about. The service adds and reads, and can neither change nor remove.
CREATE TABLE everline.admin_actions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL: somebody at the prompt, or a service.
    actor_id   bigint,
    actor      text NOT NULL,
    action     text NOT NULL,
    subject_id bigint,
    subject    text NOT NULL,
    address    text NOT NULL,
    detail     text
);

-- The login log in partitions of a month. Its ids go on as they were.
ALTER TABLE everline.login_log RENAME TO login_log_before;
CREATE SEQUENCE everline.login_log_number;
CREATE TABLE everline.login_log (
    id      bigint NOT NULL DEFAULT nextval('everline.login_log_number'),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    user_id bigint REFERENCES everline.users,
    name    text NOT NULL,
    outcome text NOT NULL,
    address text NOT NULL,
    client  text,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX login_log_of_user ON everline.login_log (user_id, id);
CREATE INDEX login_log_of_time ON everline.login_log (at);
-- For what no month's partition is there for: an attempt is never lost.
CREATE TABLE everline.login_log_other PARTITION OF everline.login_log DEFAULT;

-- Makes the partitions of this month and the next two, and drops those that ended so many days ago. Returns what it did.
CREATE FUNCTION everline.keep_login_log(p_days int) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_month date;
    v_name text;
BEGIN
    PERFORM set_config('TimeZone', 'UTC', true);
    FOR v_month IN SELECT generate_series(date_trunc('month', now()), date_trunc('month', now()) + interval '2 months', interval '1 month')::date LOOP
        v_name := 'login_log_' || to_char(v_month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('everline.' || v_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE everline.%I (LIKE everline.login_log INCLUDING DEFAULTS)', v_name);
        LOCK TABLE everline.login_log IN ACCESS EXCLUSIVE MODE;
        EXECUTE format(
            'WITH moved AS (DELETE FROM everline.login_log_other WHERE at >= %L AND at < %L RETURNING *) INSERT INTO everline.%I SELECT * FROM moved',
            v_month::timestamptz, (v_month + interval '1 month')::timestamptz, v_name);
        EXECUTE format(
            'ALTER TABLE everline.login_log ATTACH PARTITION everline.%I FOR VALUES FROM (%L) TO (%L)',
            v_name, v_month::timestamptz, (v_month + interval '1 month')::timestamptz);
        RETURN NEXT 'made ' || v_name;
    END LOOP;
    FOR v_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'everline.login_log'::regclass AND c.relname ~ '^login_log_\d{4}_\d{2}$'
            AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' < now() - make_interval(days => p_days)
    LOOP
        EXECUTE format('DROP TABLE everline.%I', v_name);
        RETURN NEXT 'dropped ' || v_name;
    END LOOP;
    DELETE FROM everline.login_log_other WHERE at < now() - make_interval(days => p_days);
END $$;
SELECT everline.keep_login_log(36500);
INSERT INTO everline.login_log (id, at, user_id, name, outcome, address, client)
SELECT id, at, user_id, name, outcome, address, client FROM everline.login_log_before;
SELECT setval('everline.login_log_number', (SELECT coalesce(max(id), 0) + 1 FROM everline.login_log), false);
DROP TABLE everline.login_log_before;

-- Ends an account: its names, its password, its sessions and whatever else is nobody's business any more; and its memberships, each under its room's
-- lock. What it wrote stays under "deleted user", or is buried afterwards, room by room. False: there is no such account any more.
CREATE FUNCTION everline.delete_account(p_user bigint, p_bury boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_room bigint;
BEGIN
    UPDATE everline.users u
    SET username = 'deleted:' || u.id, username_key = 'deleted:' || u.id, display_name = 'deleted user', password_hash = '!', admin = false,
        disabled = true, must_change = false, deleted_at = clock_timestamp()
    WHERE u.id = p_user AND u.deleted_at IS NULL AND u.username_key <> 'db:guardian';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM everline.sessions s WHERE s.user_id = p_user;
    DELETE FROM everline.second_factors f WHERE f.user_id = p_user;
    DELETE FROM everline.recovery_codes c WHERE c.user_id = p_user;
    UPDATE everline.login_log l SET name = 'deleted:' || p_user, address = '', client = NULL WHERE l.user_id = p_user;
    FOR v_room IN SELECT m.room_id FROM everline.room_members m WHERE m.user_id = p_user ORDER BY m.room_id LOOP
        PERFORM 1 FROM everline.room_counters c WHERE c.room_id = v_room FOR UPDATE;
        DELETE FROM everline.room_members m WHERE m.room_id = v_room AND m.user_id = p_user;
        UPDATE everline.room_members m SET role = 'owner'
        WHERE m.room_id = v_room AND m.user_id = (
            SELECT n.user_id FROM everline.room_members n WHERE n.room_id = v_room
            ORDER BY n.role = 'moderator' DESC, n.joined_at, n.user_id LIMIT 1)
        AND NOT EXISTS (SELECT FROM everline.room_members o WHERE o.room_id = v_room AND o.role = 'owner')
        AND EXISTS (SELECT FROM everline.rooms r WHERE r.id = v_room AND r.kind <> 'direct');
        UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = v_room;
    END LOOP;
    DELETE FROM everline.read_markers k WHERE k.user_id = p_user;
    DELETE FROM everline.mentions x WHERE x.user_id = p_user;
    INSERT INTO everline.departures (user_id, burying) VALUES (p_user, p_bury);
    RETURN true;
END $$;

-- Makes tombstones of up to p_limit messages of a deleted account in one room, each with its own revision. Returns how many; none: all are buried.
CREATE FUNCTION everline.bury(p_user bigint, p_limit int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_room bigint;
    v_rev bigint;
    v_now timestamptz;
    v_count int;
BEGIN
    IF NOT EXISTS (SELECT FROM everline.departures d WHERE d.user_id = p_user AND d.burying) THEN
        RETURN 0;
    END IF;
    SELECT r.id INTO v_room FROM everline.rooms r
    WHERE EXISTS (SELECT FROM everline.messages m WHERE m.room_id = r.id AND m.sender_id = p_user AND m.deleted_at IS NULL) ORDER BY r.id LIMIT 1;
    IF v_room IS NULL THEN
        RETURN 0;
    END IF;
    SELECT c.last_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = v_room FOR UPDATE;
    v_now := date_trunc('milliseconds', clock_timestamp());
    WITH doomed AS (
        SELECT m.seq, v_rev + row_number() OVER (ORDER BY m.seq) AS rev FROM (
            SELECT x.seq FROM everline.messages x WHERE x.room_id = v_room AND x.sender_id = p_user AND x.deleted_at IS NULL
            LIMIT p_limit) m
    ), buried AS (
        UPDATE everline.messages m SET body = '', reactions = NULL, mentions = NULL, deleted_at = v_now, rev = d.rev
        FROM doomed d WHERE m.room_id = v_room AND m.seq = d.seq
    ), noted AS (
        INSERT INTO everline.revisions (room_id, rev, seq, kind, actor_id, client_id, at)
        SELECT v_room, d.rev, d.seq, 'delete', p_user, gen_random_uuid(), v_now FROM doomed d ORDER BY d.rev
    ), unreacted AS (
        DELETE FROM everline.reactions x USING doomed d WHERE x.room_id = v_room AND x.seq = d.seq
    ), unnamed AS (
        DELETE FROM everline.mentions x USING doomed d WHERE x.room_id = v_room AND x.seq = d.seq
    )
    SELECT count(*) INTO v_count FROM doomed;
    UPDATE everline.room_counters c SET last_rev = v_rev + v_count WHERE c.room_id = v_room;
    RETURN v_count;
END $$;

-- Takes back up to p_limit reactions of a deleted account in one room, each with its own revision. Returns how many; none: all are taken back.
CREATE FUNCTION everline.withdraw(p_user bigint, p_limit int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_room bigint;
    v_rev bigint;
    v_now timestamptz;
    v_seqs bigint[];
    v_reactions text[];
BEGIN
    IF NOT EXISTS (SELECT FROM everline.departures d WHERE d.user_id = p_user) THEN
        RETURN 0;
    END IF;
    SELECT x.room_id INTO v_room FROM everline.reactions x WHERE x.user_id = p_user ORDER BY x.room_id LIMIT 1;
    IF v_room IS NULL THEN
        RETURN 0;
    END IF;
    SELECT c.last_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = v_room FOR UPDATE;
    v_now := date_trunc('milliseconds', clock_timestamp());
    SELECT coalesce(array_agg(g.seq), '{}'), coalesce(array_agg(g.reaction), '{}') INTO v_seqs, v_reactions
    FROM (SELECT x.seq, x.reaction FROM everline.reactions x WHERE x.user_id = p_user AND x.room_id = v_room
        ORDER BY x.seq, x.reaction LIMIT p_limit) g;
    DELETE FROM everline.reactions x USING unnest(v_seqs, v_reactions) AS g (seq, reaction)
    WHERE x.room_id = v_room AND x.user_id = p_user AND x.seq = g.seq AND x.reaction = g.reaction;
    UPDATE everline.messages m SET rev = v_rev + n.ord, reactions = (
        SELECT jsonb_agg(jsonb_build_object('reaction', h.reaction, 'count', h.count, 'users', h.users) ORDER BY h.first, h.reaction)
        FROM (SELECT x.reaction, count(*) AS count, min(x.at) AS first, (array_agg(u.username ORDER BY x.at, u.username))[1:20] AS users
            FROM everline.reactions x JOIN everline.users u ON u.id = x.user_id
            WHERE x.room_id = v_room AND x.seq = m.seq GROUP BY x.reaction) h)
    FROM (SELECT g.seq, max(g.ord) AS ord FROM unnest(v_seqs) WITH ORDINALITY AS g (seq, ord) GROUP BY g.seq) n
    WHERE m.room_id = v_room AND m.seq = n.seq;
    INSERT INTO everline.revisions (room_id, rev, seq, kind, reaction, actor_id, client_id, at)
    SELECT v_room, v_rev + g.ord, g.seq, 'unreact', g.reaction, p_user, gen_random_uuid(), v_now
    FROM unnest(v_seqs, v_reactions) WITH ORDINALITY AS g (seq, reaction, ord);
    UPDATE everline.room_counters c SET last_rev = v_rev + cardinality(v_seqs) WHERE c.room_id = v_room;
    -- Without any (another instance was faster) it is looked again.
    RETURN greatest(cardinality(v_seqs), 1);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA everline FROM PUBLIC;
GRANT EXECUTE ON FUNCTION everline.delete_account(bigint, boolean), everline.bury(bigint, int), everline.withdraw(bigint, int) TO everline_auth;
GRANT SELECT, DELETE ON everline.departures TO everline_auth;
GRANT INSERT (must_change), UPDATE (must_change) ON everline.users TO everline_auth;
GRANT SELECT, INSERT ON everline.login_log TO everline_auth;
GRANT USAGE ON SEQUENCE everline.login_log_number TO everline_auth;
GRANT SELECT ON everline.login_log TO everline_watch;
GRANT SELECT, INSERT, UPDATE, DELETE ON everline.second_factors TO everline_auth;
GRANT SELECT, INSERT, DELETE ON everline.recovery_codes TO everline_auth;
GRANT SELECT ON everline.admin_actions TO everline_auth;
GRANT INSERT (actor_id, actor, action, subject_id, subject, address, detail) ON everline.admin_actions TO everline_auth;
GRANT USAGE ON SEQUENCE everline.session_ends TO everline_auth;
GRANT SELECT ON SEQUENCE everline.session_ends TO everline_gateway;

-- What searching and statistics read: kept by the guardian's indexer after messages were committed, never by the append.

-- How far the indexer has come in a room. What lies behind the counters is looked at where it is, so that no answer lacks it.
CREATE TABLE everline.search_progress (
    room_id bigint PRIMARY KEY,
    seq     bigint NOT NULL,
    rev     bigint NOT NULL
) WITH (fillfactor = 50);

-- Messages that were indexed together, or whose blocks were merged. Times are in units of 4.096 s.
CREATE TABLE everline.search_blocks (
    block      bigint PRIMARY KEY,
    messages   bigint NOT NULL,
    first_time bigint NOT NULL,
    last_time  bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Where each term occurs in a block. Made in the order of the key, a block at a time, so that writing is appending.
CREATE TABLE everline.search_postings (
    block    bigint NOT NULL,
    term     bigint NOT NULL,
    postings bytea NOT NULL,
    PRIMARY KEY (block, term)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
-- They do not get shorter by compression.
ALTER TABLE everline.search_postings ALTER COLUMN postings SET STORAGE EXTERNAL;

-- A room's days, counted in UTC since 1970: messages by quarter of an hour, people with their first and last quarter, response times.
CREATE TABLE everline.room_days (
    room_id   bigint NOT NULL,
    day       bigint NOT NULL,
    quarters  bytea NOT NULL,
    senders   bytea NOT NULL,
    responses bytea NOT NULL,
    PRIMARY KEY (room_id, day)
) WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE everline.room_days ALTER COLUMN quarters SET STORAGE MAIN, ALTER COLUMN senders SET STORAGE MAIN,
    ALTER COLUMN responses SET STORAGE MAIN;

-- The sums of a week's days (from Monday on), by hour: for long ranges.
CREATE TABLE everline.room_weeks (
    room_id   bigint NOT NULL,
    week      bigint NOT NULL,
    hours     bytea NOT NULL,
    senders   bytea NOT NULL,
    responses bytea NOT NULL,
    PRIMARY KEY (room_id, week)
) WITH (fillfactor = 80, toast_tuple_target = 8160);
ALTER TABLE everline.room_weeks ALTER COLUMN hours SET STORAGE MAIN, ALTER COLUMN senders SET STORAGE MAIN,
    ALTER COLUMN responses SET STORAGE MAIN;

-- The same as a day with nothing summed up: for the ends of a time range, for hours, and to count on from.
CREATE TABLE everline.room_day_details (
    room_id bigint NOT NULL,
    day     bigint NOT NULL,
    detail  bytea NOT NULL,
    PRIMARY KEY (room_id, day)
) WITH (fillfactor = 80);

GRANT SELECT ON everline.search_progress, everline.search_blocks, everline.search_postings, everline.room_days, everline.room_weeks, everline.room_day_details
    TO everline_history;

-- History looks senders up as they are typed.
GRANT SELECT (username_key) ON everline.users TO everline_history;

-- What comes from elsewhere: for the owner alone, at the prompt. Appends under the lock that other appends take, with the times, senders and reactions that
-- it had there. Raises EV003 if p_last is not the room's last number.
CREATE FUNCTION everline.import_messages(
    p_room bigint, p_last bigint, p_senders bigint[], p_clients uuid[], p_bodies text[], p_reply_tos bigint[], p_sent timestamptz[],
    p_edited timestamptz[], p_deleted boolean[], p_seqs bigint[], p_reactions text[], p_reacting bigint[]
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_counter everline.room_counters;
    v_newest timestamptz;
BEGIN
    SELECT c.* INTO v_counter FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_counter.last_seq IS DISTINCT FROM p_last THEN
        RAISE EXCEPTION 'the room''s last number is %, not %', v_counter.last_seq, p_last USING ERRCODE = 'EV003';
    END IF;
    -- Who wrote was a member then, whoever is one now.
    INSERT INTO everline.reactions (room_id, seq, reaction, user_id, at)
    SELECT p_room, r.seq, r.reaction, r.user_id, now() + r.ord * interval '1 microsecond'
    FROM unnest(p_seqs, p_reactions, p_reacting) WITH ORDINALITY AS r (seq, reaction, user_id, ord) ON CONFLICT DO NOTHING;
    INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, reply_to, sent_at, edited_at, deleted_at, reactions)
    SELECT p_room, p_last + i.ord, i.sender_id, i.client_id, CASE WHEN i.deleted THEN '' ELSE i.body END, i.reply_to,
        -- Numbers and times go up together.
        max(i.sent_at) OVER (ORDER BY i.ord), i.edited_at, CASE WHEN i.deleted THEN i.sent_at END, g.shown
    FROM (SELECT i.*, greatest(i.sent, CASE WHEN i.ord = 1 THEN v_counter.last_sent_at END) AS sent_at
        FROM unnest(p_senders, p_clients, p_bodies, p_reply_tos, p_sent, p_edited, p_deleted) WITH ORDINALITY
            AS i (sender_id, client_id, body, reply_to, sent, edited_at, deleted, ord)) i
    LEFT JOIN (SELECT h.seq, jsonb_agg(jsonb_build_object('reaction', h.reaction, 'count', h.count, 'users', h.users)
            ORDER BY h.first, h.reaction) AS shown
        FROM (SELECT x.seq, x.reaction, count(*) AS count, min(x.at) AS first,
                (array_agg(u.username ORDER BY x.at, u.username))[1:20] AS users
            FROM everline.reactions x JOIN everline.users u ON u.id = x.user_id
            WHERE x.room_id = p_room AND x.seq = ANY (p_seqs) GROUP BY x.seq, x.reaction) h
        GROUP BY h.seq) g ON g.seq = p_last + i.ord AND NOT i.deleted;
    SELECT max(m.sent_at) INTO v_newest FROM everline.messages m WHERE m.room_id = p_room AND m.seq > p_last;
    UPDATE everline.room_counters c
    SET last_seq = p_last + cardinality(p_senders), last_sent_at = greatest(c.last_sent_at, v_newest) WHERE c.room_id = p_room;
END $$;

CREATE FUNCTION everline.import_members(p_room bigint, p_users bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    INSERT INTO everline.room_members (room_id, user_id, role) SELECT p_room, u.id, 'member' FROM unnest(p_users) AS u (id) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    END IF;
END $$;

REVOKE ALL ON FUNCTION everline.import_messages(bigint, bigint, bigint[], uuid[], text[], bigint[], timestamptz[], timestamptz[], boolean[], bigint[],
    text[], bigint[]), everline.import_members(bigint, bigint[]) FROM PUBLIC;

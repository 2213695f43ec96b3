-- What people see of each other in rooms: how far each has read, who was meant, who is kept out or silent, and rooms of two.

-- Up to which number a member has read. Apart from room_members, which appends look at, since it changes at each glance; and without foreign keys, which
-- would be looked at as often.
CREATE TABLE everline.read_markers (
    user_id  bigint NOT NULL,
    room_id  bigint NOT NULL,
    read_seq bigint NOT NULL,
    PRIMARY KEY (user_id, room_id)
) WITH (fillfactor = 50);
-- What was written before there were markers counts as read.
INSERT INTO everline.read_markers (user_id, room_id, read_seq)
SELECT m.user_id, m.room_id, c.last_seq FROM everline.room_members m JOIN everline.room_counters c ON c.room_id = m.room_id;

-- One row for each member whom a message names; none for all other messages.
CREATE TABLE everline.mentions (
    user_id bigint NOT NULL,
    room_id bigint NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (user_id, room_id, seq)
);
CREATE INDEX mentions_message ON everline.mentions (room_id, seq);
-- What readers see of it: an array of usernames.
ALTER TABLE everline.messages ADD COLUMN mentions jsonb;

-- Who may read and not write. It outlives a membership, so that nobody gets round it by leaving.
CREATE TABLE everline.room_mutes (
    room_id  bigint NOT NULL REFERENCES everline.rooms,
    user_id  bigint NOT NULL REFERENCES everline.users,
    muted_by bigint NOT NULL REFERENCES everline.users,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- infinity: until it is taken back.
    until    timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (room_id, user_id)
);

ALTER TABLE everline.room_bans ADD COLUMN until timestamptz NOT NULL DEFAULT 'infinity', ADD COLUMN reason text;

-- The two people of a direct room, the lower number first, so that there is one room for each two.
ALTER TABLE everline.rooms ADD COLUMN direct_low bigint, ADD COLUMN direct_high bigint;
CREATE UNIQUE INDEX rooms_direct ON everline.rooms (direct_low, direct_high) WHERE kind = 'direct';

GRANT SELECT ON everline.read_markers, everline.mentions, everline.room_mutes TO everline_gateway, everline_history;

-- The careful append: as before, and besides it refuses who is muted (status 5) and notes whom the messages name.
-- p_mentions: for each message NULL, or an object of usernames by user number. Rows are made for those who are members.
DROP FUNCTION everline.append(text, bigint[], bigint[], uuid[], text[], bigint[]);
CREATE FUNCTION everline.append(
    p_epoch text, p_rooms bigint[], p_senders bigint[], p_clients uuid[], p_bodies text[], p_reply_tos bigint[],
    p_mentions text[] DEFAULT NULL
) RETURNS TABLE (ord int, status int, seq bigint, sent_at timestamptz, last_rev bigint, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_epoch text;
    v_now timestamptz;
BEGIN
    PERFORM 1 FROM everline.room_counters c WHERE c.room_id = ANY (p_rooms) ORDER BY c.room_id FOR UPDATE;
    SELECT e.generation || '-' || e.token INTO v_epoch FROM everline.epoch e;
    IF v_epoch IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION 'the epoch is %', v_epoch USING ERRCODE = 'EV002';
    END IF;
    v_now := date_trunc('milliseconds', clock_timestamp());
    RETURN QUERY
    WITH judged AS (
        SELECT i.*, c.last_seq, c.last_rev, c.members_rev, greatest(v_now, c.last_sent_at) AS now,
            k.seq AS known_seq, k.sent_at AS known_sent_at,
            CASE
                WHEN c.room_id IS NULL THEN 2
                WHEN k.seq IS NOT NULL THEN 1
                WHEN m.user_id IS NULL THEN 3
                WHEN u.until > v_now THEN 5
                WHEN i.reply_to IS NOT NULL AND i.reply_to NOT BETWEEN 1 AND c.last_seq THEN 4
                ELSE 0
            END AS status
        FROM unnest(p_rooms, p_senders, p_clients, p_bodies, p_reply_tos, p_mentions) WITH ORDINALITY
            AS i (room_id, sender_id, client_id, body, reply_to, mentions, ord)
        LEFT JOIN everline.room_counters c ON c.room_id = i.room_id
        LEFT JOIN everline.messages k ON k.room_id = i.room_id AND k.sender_id = i.sender_id AND k.client_id = i.client_id
        LEFT JOIN everline.room_members m ON m.room_id = i.room_id AND m.user_id = i.sender_id
        LEFT JOIN everline.room_mutes u ON u.room_id = i.room_id AND u.user_id = i.sender_id
    ), ranked AS (
        SELECT j.*, min(j.ord) FILTER (WHERE j.status = 0) OVER (PARTITION BY j.room_id, j.sender_id, j.client_id) AS first_ord
        FROM judged j
    ), numbered AS (
        SELECT r.*, r.last_seq + row_number() OVER (PARTITION BY r.room_id ORDER BY r.ord) AS new_seq
        FROM ranked r
        WHERE r.status = 0 AND r.ord = r.first_ord
    ), inserted AS (
        INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, reply_to, sent_at, mentions)
        SELECT n.room_id, n.new_seq, n.sender_id, n.client_id, n.body, n.reply_to, n.now,
            CASE WHEN n.mentions IS NOT NULL THEN (SELECT jsonb_agg(t.value ORDER BY t.value) FROM jsonb_each(n.mentions::jsonb) t) END
        FROM numbered n ORDER BY n.ord
    ), named AS (
        INSERT INTO everline.mentions (user_id, room_id, seq)
        SELECT m.user_id, n.room_id, n.new_seq
        FROM numbered n CROSS JOIN LATERAL jsonb_object_keys(n.mentions::jsonb) t (id)
        JOIN everline.room_members m ON m.room_id = n.room_id AND m.user_id = t.id::bigint
        WHERE n.mentions IS NOT NULL AND m.user_id <> n.sender_id
    ), counted AS (
        UPDATE everline.room_counters c SET last_seq = n.top, last_sent_at = n.now
        FROM (SELECT n.room_id, max(n.new_seq) AS top, max(n.now) AS now FROM numbered n GROUP BY n.room_id) n
        WHERE c.room_id = n.room_id
    )
    SELECT r.ord::int,
        -- The second of two alike in one batch is a duplicate of the first.
        CASE WHEN r.status = 0 AND r.ord <> r.first_ord THEN 1 ELSE r.status END,
        coalesce(r.known_seq, f.new_seq), coalesce(r.known_sent_at, f.now), r.last_rev, r.members_rev
    FROM ranked r LEFT JOIN numbered f ON f.ord = r.first_ord AND r.status = 0
    ORDER BY r.ord;
END $$;

-- Edits, deletes, or sets or takes back a reaction, as before. Besides: who is muted only deletes (status 8), and an edit names whom its new text names.
DROP FUNCTION everline.revise(text, bigint, bigint, uuid, bigint, text, text);
CREATE FUNCTION everline.revise(
    p_epoch text, p_room bigint, p_actor bigint, p_client uuid, p_seq bigint, p_kind text, p_text text, p_mentions text DEFAULT NULL
) RETURNS TABLE (status int, rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_epoch text;
    v_counter everline.room_counters;
    v_known bigint;
    v_role text;
    v_message everline.messages;
    v_now timestamptz;
    v_shown jsonb;
BEGIN
    SELECT c.* INTO v_counter FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    SELECT e.generation || '-' || e.token INTO v_epoch FROM everline.epoch e;
    IF v_epoch IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION 'the epoch is %', v_epoch USING ERRCODE = 'EV002';
    END IF;
    IF v_counter.room_id IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    END IF;
    SELECT r.rev INTO v_known FROM everline.revisions r
    WHERE r.room_id = p_room AND r.actor_id = p_actor AND r.client_id = p_client;
    IF v_known IS NOT NULL THEN
        RETURN QUERY SELECT 1, v_known; RETURN;
    END IF;
    SELECT m.role INTO v_role FROM everline.room_members m WHERE m.room_id = p_room AND m.user_id = p_actor;
    IF v_role IS NULL THEN
        RETURN QUERY SELECT 3, NULL::bigint; RETURN;
    END IF;
    v_now := date_trunc('milliseconds', clock_timestamp());
    IF p_kind <> 'delete' AND EXISTS (
        SELECT FROM everline.room_mutes u WHERE u.room_id = p_room AND u.user_id = p_actor AND u.until > v_now) THEN
        RETURN QUERY SELECT 8, NULL::bigint; RETURN;
    END IF;
    SELECT m.* INTO v_message FROM everline.messages m WHERE m.room_id = p_room AND m.seq = p_seq;
    IF v_message.room_id IS NULL OR (v_message.deleted_at IS NOT NULL AND p_kind <> 'delete') THEN
        RETURN QUERY SELECT 4, NULL::bigint; RETURN;
    END IF;
    IF p_kind IN ('edit', 'delete') AND v_message.sender_id <> p_actor AND v_role NOT IN ('owner', 'moderator') THEN
        RETURN QUERY SELECT 5, NULL::bigint; RETURN;
    END IF;
    v_counter.last_rev := v_counter.last_rev + 1;
    IF p_kind = 'edit' THEN
        DELETE FROM everline.mentions x WHERE x.room_id = p_room AND x.seq = p_seq;
        IF p_mentions IS NOT NULL THEN
            INSERT INTO everline.mentions (user_id, room_id, seq)
            SELECT m.user_id, p_room, p_seq FROM jsonb_object_keys(p_mentions::jsonb) t (id)
            JOIN everline.room_members m ON m.room_id = p_room AND m.user_id = t.id::bigint
            WHERE m.user_id <> v_message.sender_id;
            SELECT jsonb_agg(t.value ORDER BY t.value) INTO v_shown FROM jsonb_each(p_mentions::jsonb) t;
        END IF;
        UPDATE everline.messages m SET body = p_text, mentions = v_shown, edited_at = v_now, rev = v_counter.last_rev
        WHERE m.room_id = p_room AND m.seq = p_seq;
    ELSIF p_kind = 'delete' THEN
        IF v_message.deleted_at IS NOT NULL THEN
            RETURN QUERY SELECT 7, v_message.rev; RETURN;
        END IF;
        DELETE FROM everline.reactions x WHERE x.room_id = p_room AND x.seq = p_seq;
        DELETE FROM everline.mentions x WHERE x.room_id = p_room AND x.seq = p_seq;
        UPDATE everline.messages m SET body = '', reactions = NULL, mentions = NULL, deleted_at = v_now, rev = v_counter.last_rev
        WHERE m.room_id = p_room AND m.seq = p_seq;
    ELSE
        IF p_kind = 'react' THEN
            IF (SELECT count(DISTINCT x.reaction) FROM everline.reactions x
                WHERE x.room_id = p_room AND x.seq = p_seq AND x.reaction <> p_text) >= 20 THEN
                RETURN QUERY SELECT 6, NULL::bigint; RETURN;
            END IF;
            INSERT INTO everline.reactions (room_id, seq, reaction, user_id, at) VALUES (p_room, p_seq, p_text, p_actor, v_now)
            ON CONFLICT DO NOTHING;
        ELSE
            DELETE FROM everline.reactions x
            WHERE x.room_id = p_room AND x.seq = p_seq AND x.reaction = p_text AND x.user_id = p_actor;
        END IF;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 7, coalesce(v_message.rev, 0); RETURN;
        END IF;
        SELECT jsonb_agg(jsonb_build_object('reaction', g.reaction, 'count', g.count, 'users', g.users) ORDER BY g.first, g.reaction)
        INTO v_shown
        FROM (
            SELECT x.reaction, count(*) AS count, min(x.at) AS first,
                (array_agg(u.username ORDER BY x.at, u.username))[1:20] AS users
            FROM everline.reactions x JOIN everline.users u ON u.id = x.user_id
            WHERE x.room_id = p_room AND x.seq = p_seq GROUP BY x.reaction
        ) g;
        UPDATE everline.messages m SET reactions = v_shown, rev = v_counter.last_rev WHERE m.room_id = p_room AND m.seq = p_seq;
    END IF;
    INSERT INTO everline.revisions (room_id, rev, seq, kind, reaction, actor_id, client_id, at)
    VALUES (p_room, v_counter.last_rev, p_seq, p_kind, CASE WHEN p_kind IN ('react', 'unreact') THEN p_text END, p_actor, p_client, v_now);
    UPDATE everline.room_counters c SET last_rev = v_counter.last_rev WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_counter.last_rev;
END $$;

-- Moves a member's marker, only ever forward, and tells what is unread behind it.
-- status: 0 done · 2 no such room · 3 not a member · 4 no such message. Raises EV002 if p_epoch is not the current one.
CREATE FUNCTION everline.mark_read(p_epoch text, p_room bigint, p_user bigint, p_seq bigint)
RETURNS TABLE (status int, read_seq bigint, unread bigint, mentions bigint, moved boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_epoch text;
    v_last bigint;
    v_member boolean;
    v_read bigint;
    v_before bigint;
BEGIN
    SELECT e.generation || '-' || e.token, c.last_seq, m.user_id IS NOT NULL, k.read_seq INTO v_epoch, v_last, v_member, v_before
    FROM everline.epoch e LEFT JOIN everline.room_counters c ON c.room_id = p_room
    LEFT JOIN everline.room_members m ON m.room_id = c.room_id AND m.user_id = p_user
    LEFT JOIN everline.read_markers k ON k.room_id = c.room_id AND k.user_id = p_user;
    IF v_epoch IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION 'the epoch is %', v_epoch USING ERRCODE = 'EV002';
    END IF;
    IF v_last IS NULL OR NOT v_member OR p_seq > v_last THEN
        RETURN QUERY SELECT CASE WHEN v_last IS NULL THEN 2 WHEN NOT v_member THEN 3 ELSE 4 END, NULL::bigint, NULL::bigint, NULL::bigint, false;
        RETURN;
    END IF;
    v_read := v_before;
    -- One beyond the last is of a history that was turned back.
    IF v_before IS NULL OR v_before NOT BETWEEN p_seq AND v_last THEN
        INSERT INTO everline.read_markers AS k (user_id, room_id, read_seq) VALUES (p_user, p_room, p_seq)
        ON CONFLICT (user_id, room_id) DO UPDATE
            SET read_seq = CASE WHEN k.read_seq > v_last THEN excluded.read_seq ELSE greatest(k.read_seq, excluded.read_seq) END
        RETURNING k.read_seq INTO v_read;
    END IF;
    RETURN QUERY SELECT 0, v_read, greatest(0, v_last - v_read),
        (SELECT count(*) FROM everline.mentions x WHERE x.user_id = p_user AND x.room_id = p_room AND x.seq > v_read),
        v_before IS DISTINCT FROM v_read;
END $$;

-- Who comes into a room has read what was there; who comes back too.
CREATE FUNCTION everline.begin_reading(p_room bigint, p_user bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO everline.read_markers AS k (user_id, room_id, read_seq)
    SELECT p_user, c.room_id, c.last_seq FROM everline.room_counters c WHERE c.room_id = p_room
    ON CONFLICT (user_id, room_id) DO UPDATE SET read_seq = greatest(k.read_seq, excluded.read_seq);
$$;

-- As before, and who creates a room begins to read it; names that begin as those of direct rooms are not for others.
CREATE OR REPLACE FUNCTION everline.create_room(p_name text, p_kind text, p_title text, p_creator bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint;
BEGIN
    IF p_name = 'ops' AND NOT EXISTS (SELECT FROM everline.users u WHERE u.id = p_creator AND u.username_key = 'db:guardian') THEN
        RAISE EXCEPTION 'the name is kept for the guardian' USING ERRCODE = 'unique_violation';
    END IF;
    INSERT INTO everline.rooms (name, kind, title, created_by) VALUES (p_name, p_kind, p_title, p_creator) RETURNING id INTO v_id;
    INSERT INTO everline.room_counters (room_id, members_rev) VALUES (v_id, 1);
    INSERT INTO everline.room_members (room_id, user_id, role) VALUES (v_id, p_creator, 'owner');
    PERFORM everline.begin_reading(v_id, p_creator);
    RETURN v_id;
END $$;

-- The room of two people; p_name is for a new one. Nobody else comes in, and nobody of the two leaves.
CREATE FUNCTION everline.direct_room(p_name text, p_user bigint, p_other bigint) RETURNS TABLE (name text, created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_id bigint;
BEGIN
    IF p_user = p_other THEN
        RAISE EXCEPTION 'a direct room is for two' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO everline.rooms (name, kind, created_by, direct_low, direct_high)
    VALUES (p_name, 'direct', p_user, least(p_user, p_other), greatest(p_user, p_other))
    ON CONFLICT (direct_low, direct_high) WHERE kind = 'direct' DO NOTHING RETURNING id INTO v_id;
    IF v_id IS NOT NULL THEN
        INSERT INTO everline.room_counters (room_id, members_rev) VALUES (v_id, 1);
        INSERT INTO everline.room_members (room_id, user_id, role) VALUES (v_id, p_user, 'member'), (v_id, p_other, 'member');
        PERFORM everline.begin_reading(v_id, p_user), everline.begin_reading(v_id, p_other);
    END IF;
    RETURN QUERY SELECT r.name, v_id IS NOT NULL FROM everline.rooms r
    WHERE r.kind = 'direct' AND r.direct_low = least(p_user, p_other) AND r.direct_high = greatest(p_user, p_other);
END $$;

-- Membership, as before, with bans that end. status as in 003 and 004, and 6: banned.

CREATE OR REPLACE FUNCTION everline.join_room(p_room bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_kind text;
    v_rev bigint;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    SELECT r.kind INTO v_kind FROM everline.rooms r WHERE r.id = p_room;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    END IF;
    IF EXISTS (SELECT FROM everline.room_members m WHERE m.room_id = p_room AND m.user_id = p_user) THEN
        RETURN QUERY SELECT 1, v_rev; RETURN;
    END IF;
    IF v_kind <> 'public' THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    IF EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = p_room AND b.user_id = p_user AND b.until > clock_timestamp()) THEN
        RETURN QUERY SELECT 6, v_rev; RETURN;
    END IF;
    INSERT INTO everline.room_members (room_id, user_id, role) VALUES (p_room, p_user, 'member');
    PERFORM everline.begin_reading(p_room, p_user);
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

CREATE OR REPLACE FUNCTION everline.leave_room(p_room bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rev bigint;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    END IF;
    IF EXISTS (SELECT FROM everline.rooms r WHERE r.id = p_room AND r.kind = 'direct') THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    DELETE FROM everline.room_members m WHERE m.room_id = p_room AND m.user_id = p_user;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 1, v_rev; RETURN;
    END IF;
    UPDATE everline.room_members m SET role = 'owner'
    WHERE m.room_id = p_room AND m.user_id = (
        SELECT n.user_id FROM everline.room_members n WHERE n.room_id = p_room
        ORDER BY n.role = 'moderator' DESC, n.joined_at, n.user_id LIMIT 1)
    AND NOT EXISTS (SELECT FROM everline.room_members o WHERE o.room_id = p_room AND o.role = 'owner');
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

CREATE OR REPLACE FUNCTION everline.invite(p_room bigint, p_by bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_kind text;
    v_rev bigint;
    v_role text;
    v_banned boolean;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    SELECT r.kind, m.role INTO v_kind, v_role FROM everline.rooms r
    LEFT JOIN everline.room_members m ON m.room_id = r.id AND m.user_id = p_by
    WHERE r.id = p_room;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    END IF;
    v_banned := EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = p_room AND b.user_id = p_user AND b.until > clock_timestamp());
    IF v_role IS NULL OR v_kind = 'direct' OR (v_role = 'member' AND (v_kind = 'private' OR v_banned)) THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    DELETE FROM everline.room_bans b WHERE b.room_id = p_room AND b.user_id = p_user;
    INSERT INTO everline.room_members (room_id, user_id, role) VALUES (p_room, p_user, 'member') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 1, v_rev; RETURN;
    END IF;
    PERFORM everline.begin_reading(p_room, p_user);
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

-- Whether p_by may keep p_user out or silent, or take that back: owners anyone but themselves, moderators whoever is neither. The caller holds the
-- counter's lock.
CREATE FUNCTION everline.may_moderate(p_room bigint, p_by bigint, p_user bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p_by <> p_user AND coalesce((
        SELECT b.role = 'owner' OR (b.role = 'moderator' AND coalesce(u.role, 'member') = 'member')
        FROM everline.room_members b LEFT JOIN everline.room_members u ON u.room_id = b.room_id AND u.user_id = p_user
        WHERE b.room_id = p_room AND b.user_id = p_by), false);
$$;

-- Removes a member, if the user is one, and keeps them out until then. A second ban takes the place of the first.
CREATE FUNCTION everline.ban_user(p_room bigint, p_by bigint, p_user bigint, p_until timestamptz, p_reason text)
RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rev bigint;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    ELSIF NOT everline.may_moderate(p_room, p_by, p_user) THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    INSERT INTO everline.room_bans (room_id, user_id, banned_by, until, reason) VALUES (p_room, p_user, p_by, p_until, p_reason)
    ON CONFLICT (room_id, user_id) DO UPDATE
        SET banned_by = excluded.banned_by, at = clock_timestamp(), until = excluded.until, reason = excluded.reason;
    DELETE FROM everline.room_members m WHERE m.room_id = p_room AND m.user_id = p_user;
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

CREATE FUNCTION everline.unban_user(p_room bigint, p_by bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rev bigint;
    v_until timestamptz;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    ELSIF NOT everline.may_moderate(p_room, p_by, p_user) THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    DELETE FROM everline.room_bans b WHERE b.room_id = p_room AND b.user_id = p_user RETURNING b.until INTO v_until;
    IF v_until IS NULL OR v_until <= clock_timestamp() THEN
        RETURN QUERY SELECT 1, v_rev; RETURN;
    END IF;
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

-- Silences a member until then, or with NULL lets them speak again. members_rev makes the fast append look.
CREATE FUNCTION everline.mute_member(p_room bigint, p_by bigint, p_user bigint, p_until timestamptz)
RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rev bigint;
    v_until timestamptz;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    ELSIF NOT everline.may_moderate(p_room, p_by, p_user) THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    IF p_until IS NULL THEN
        DELETE FROM everline.room_mutes u WHERE u.room_id = p_room AND u.user_id = p_user RETURNING u.until INTO v_until;
        IF v_until IS NULL OR v_until <= clock_timestamp() THEN
            RETURN QUERY SELECT 1, v_rev; RETURN;
        END IF;
    ELSIF NOT EXISTS (SELECT FROM everline.room_members m WHERE m.room_id = p_room AND m.user_id = p_user) THEN
        RETURN QUERY SELECT 4, v_rev; RETURN;
    ELSE
        INSERT INTO everline.room_mutes (room_id, user_id, muted_by, until) VALUES (p_room, p_user, p_by, p_until)
        ON CONFLICT (room_id, user_id) DO UPDATE SET muted_by = excluded.muted_by, at = clock_timestamp(), until = excluded.until;
    END IF;
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

-- An owner gives the room to another member, and becomes a moderator.
CREATE FUNCTION everline.transfer_room(p_room bigint, p_by bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rev bigint;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    ELSIF NOT EXISTS (SELECT FROM everline.room_members m WHERE m.room_id = p_room AND m.user_id = p_by AND m.role = 'owner') THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    ELSIF p_by = p_user THEN
        RETURN QUERY SELECT 1, v_rev; RETURN;
    END IF;
    UPDATE everline.room_members m SET role = 'owner' WHERE m.room_id = p_room AND m.user_id = p_user;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 4, v_rev; RETURN;
    END IF;
    UPDATE everline.room_members m SET role = 'moderator' WHERE m.room_id = p_room AND m.user_id = p_by;
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

-- The title, by an owner or a moderator; NULL for none.
CREATE FUNCTION everline.set_title(p_room bigint, p_by bigint, p_title text) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rev bigint;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    ELSIF NOT EXISTS (
        SELECT FROM everline.room_members m WHERE m.room_id = p_room AND m.user_id = p_by AND m.role IN ('owner', 'moderator')) THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    UPDATE everline.rooms r SET title = p_title WHERE r.id = p_room AND r.title IS DISTINCT FROM p_title;
    RETURN QUERY SELECT CASE WHEN FOUND THEN 0 ELSE 1 END, v_rev;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA everline FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    everline.append(text, bigint[], bigint[], uuid[], text[], bigint[], text[]),
    everline.revise(text, bigint, bigint, uuid, bigint, text, text, text),
    everline.mark_read(text, bigint, bigint, bigint), everline.direct_room(text, bigint, bigint),
    everline.ban_user(bigint, bigint, bigint, timestamptz, text), everline.unban_user(bigint, bigint, bigint),
    everline.mute_member(bigint, bigint, bigint, timestamptz), everline.transfer_room(bigint, bigint, bigint),
    everline.set_title(bigint, bigint, text)
    TO everline_gateway;

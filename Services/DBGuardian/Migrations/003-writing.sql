-- The only ways in which the gateway writes. Each function locks first and looks in a later statement, whose snapshot is then younger than
-- the wait for the lock.

-- The epoch that holds now. A restored, cloned or promoted server is another system or timeline: it gets a new epoch here, before the
-- first append on it. The table lock waits for appends in flight and holds new ones back until they can see the new row.
CREATE FUNCTION everline.current_epoch() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_system bigint;
    v_timeline text;
    v_epoch text;
BEGIN
    IF pg_is_in_recovery() THEN
        RETURN (SELECT e.generation || '-' || e.token FROM everline.epoch e);
    END IF;
    SELECT s.system_identifier INTO v_system FROM pg_control_system() s;
    v_timeline := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
    SELECT e.generation || '-' || e.token INTO v_epoch FROM everline.epoch e
    WHERE e.system_identifier = v_system AND e.timeline = v_timeline;
    IF v_epoch IS NOT NULL THEN
        RETURN v_epoch;
    END IF;
    LOCK TABLE everline.room_counters IN EXCLUSIVE MODE;
    INSERT INTO everline.epoch AS e (generation, token, system_identifier, timeline)
    VALUES (1, substr(replace(gen_random_uuid()::text, '-', ''), 1, 12), v_system, v_timeline)
    ON CONFLICT (only_row) DO UPDATE
        SET generation = e.generation + 1, token = excluded.token, system_identifier = excluded.system_identifier,
            timeline = excluded.timeline, since = clock_timestamp()
        WHERE (e.system_identifier, e.timeline) IS DISTINCT FROM (excluded.system_identifier, excluded.timeline);
    RETURN (SELECT e.generation || '-' || e.token FROM everline.epoch e);
END $$;

-- A new epoch on the same server, for whoever saw a counter fall; only if the epoch is still the one they knew.
CREATE FUNCTION everline.new_epoch(p_expected text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE everline.room_counters IN EXCLUSIVE MODE;
    UPDATE everline.epoch e
    SET generation = e.generation + 1, token = substr(replace(gen_random_uuid()::text, '-', ''), 1, 12), since = clock_timestamp()
    WHERE e.generation || '-' || e.token = p_expected;
    RETURN everline.current_epoch();
END $$;

-- Appends messages in the order given, each answered for itself. One element of each array is one message.
-- status: 0 accepted · 1 known already, with its old number · 2 no such room · 3 the sender is not a member · 4 reply_to names no message.
-- Raises EV002 if p_epoch is not the current one.
CREATE FUNCTION everline.append(
    p_epoch text, p_rooms bigint[], p_senders bigint[], p_clients uuid[], p_bodies text[], p_reply_tos bigint[]
) RETURNS TABLE (ord int, status int, seq bigint, sent_at timestamptz)
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
    WITH input AS (
        SELECT i.room_id, i.sender_id, i.client_id, i.body, i.reply_to, i.ord,
            min(i.ord) OVER (PARTITION BY i.room_id, i.sender_id, i.client_id) AS first_ord
        FROM unnest(p_rooms, p_senders, p_clients, p_bodies, p_reply_tos) WITH ORDINALITY
            AS i (room_id, sender_id, client_id, body, reply_to, ord)
    ), judged AS (
        SELECT i.*, c.last_seq, greatest(v_now, c.last_sent_at) AS now, k.seq AS known_seq, k.sent_at AS known_sent_at,
            CASE
                WHEN c.room_id IS NULL THEN 2
                WHEN k.seq IS NOT NULL THEN 1
                WHEN m.user_id IS NULL THEN 3
                WHEN i.reply_to IS NOT NULL AND i.reply_to NOT BETWEEN 1 AND c.last_seq THEN 4
                ELSE 0
            END AS status
        FROM input i
        LEFT JOIN everline.room_counters c ON c.room_id = i.room_id
        LEFT JOIN everline.messages k ON k.room_id = i.room_id AND k.sender_id = i.sender_id AND k.client_id = i.client_id
        LEFT JOIN everline.room_members m ON m.room_id = i.room_id AND m.user_id = i.sender_id
    ), numbered AS (
        SELECT j.*, j.last_seq + row_number() OVER (PARTITION BY j.room_id ORDER BY j.ord) AS new_seq
        FROM judged j
        WHERE j.status = 0 AND j.ord = j.first_ord
    ), inserted AS (
        INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, reply_to, sent_at)
        SELECT n.room_id, n.new_seq, n.sender_id, n.client_id, n.body, n.reply_to, n.now FROM numbered n ORDER BY n.ord
    ), counted AS (
        UPDATE everline.room_counters c SET last_seq = n.top, last_sent_at = n.now
        FROM (SELECT n.room_id, max(n.new_seq) AS top, max(n.now) AS now FROM numbered n GROUP BY n.room_id) n
        WHERE c.room_id = n.room_id
    )
    SELECT j.ord::int,
        -- The second of two alike in one batch is a duplicate of the first, if that was accepted.
        CASE WHEN j.status = 0 AND j.ord <> j.first_ord THEN CASE WHEN f.new_seq IS NULL THEN 4 ELSE 1 END ELSE j.status END,
        coalesce(j.known_seq, f.new_seq), coalesce(j.known_sent_at, f.now)
    FROM judged j LEFT JOIN numbered f ON f.ord = j.first_ord
    ORDER BY j.ord;
END $$;

-- A new room, whose creator owns it. Raises 23505 if the name is taken.
CREATE FUNCTION everline.create_room(p_name text, p_kind text, p_title text, p_creator bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO everline.rooms (name, kind, title, created_by) VALUES (p_name, p_kind, p_title, p_creator) RETURNING id INTO v_id;
    INSERT INTO everline.room_counters (room_id, members_rev) VALUES (v_id, 1);
    INSERT INTO everline.room_members (room_id, user_id, role) VALUES (v_id, p_creator, 'owner');
    RETURN v_id;
END $$;

-- Membership changes under the lock that appends take, and raises members_rev in it.
-- status: 0 done · 1 nothing to do · 2 no such room · 3 not allowed.

CREATE FUNCTION everline.join_room(p_room bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
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
    INSERT INTO everline.room_members (room_id, user_id, role) VALUES (p_room, p_user, 'member');
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

-- When the last owner leaves, the longest-standing moderator, else member, becomes one.
CREATE FUNCTION everline.leave_room(p_room bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rev bigint;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
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

-- Owners and moderators bring others in; into a public room every member may.
CREATE FUNCTION everline.invite(p_room bigint, p_by bigint, p_user bigint) RETURNS TABLE (status int, members_rev bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_kind text;
    v_rev bigint;
    v_role text;
BEGIN
    SELECT c.members_rev INTO v_rev FROM everline.room_counters c WHERE c.room_id = p_room FOR UPDATE;
    SELECT r.kind, m.role INTO v_kind, v_role FROM everline.rooms r
    LEFT JOIN everline.room_members m ON m.room_id = r.id AND m.user_id = p_by
    WHERE r.id = p_room;
    IF v_rev IS NULL THEN
        RETURN QUERY SELECT 2, NULL::bigint; RETURN;
    END IF;
    IF v_role IS NULL OR v_kind = 'direct' OR (v_kind = 'private' AND v_role = 'member') THEN
        RETURN QUERY SELECT 3, v_rev; RETURN;
    END IF;
    INSERT INTO everline.room_members (room_id, user_id, role) VALUES (p_room, p_user, 'member') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 1, v_rev; RETURN;
    END IF;
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA everline FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA everline TO everline_gateway;

SELECT everline.current_epoch();

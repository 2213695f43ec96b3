-- The careful append once more: of several alike in one batch the first that can be accepted is, also when one before it was refused for what only it
-- asked for (a reply to no message).
CREATE OR REPLACE FUNCTION everline.append(
    p_epoch text, p_rooms bigint[], p_senders bigint[], p_clients uuid[], p_bodies text[], p_reply_tos bigint[]
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
                WHEN i.reply_to IS NOT NULL AND i.reply_to NOT BETWEEN 1 AND c.last_seq THEN 4
                ELSE 0
            END AS status
        FROM unnest(p_rooms, p_senders, p_clients, p_bodies, p_reply_tos) WITH ORDINALITY
            AS i (room_id, sender_id, client_id, body, reply_to, ord)
        LEFT JOIN everline.room_counters c ON c.room_id = i.room_id
        LEFT JOIN everline.messages k ON k.room_id = i.room_id AND k.sender_id = i.sender_id AND k.client_id = i.client_id
        LEFT JOIN everline.room_members m ON m.room_id = i.room_id AND m.user_id = i.sender_id
    ), ranked AS (
        SELECT j.*, min(j.ord) FILTER (WHERE j.status = 0) OVER (PARTITION BY j.room_id, j.sender_id, j.client_id) AS first_ord
        FROM judged j
    ), numbered AS (
        SELECT r.*, r.last_seq + row_number() OVER (PARTITION BY r.room_id ORDER BY r.ord) AS new_seq
        FROM ranked r
        WHERE r.status = 0 AND r.ord = r.first_ord
    ), inserted AS (
        INSERT INTO everline.messages (room_id, seq, sender_id, client_id, body, reply_to, sent_at)
        SELECT n.room_id, n.new_seq, n.sender_id, n.client_id, n.body, n.reply_to, n.now FROM numbered n ORDER BY n.ord
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

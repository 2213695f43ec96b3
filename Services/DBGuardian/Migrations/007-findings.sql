-- What the guardian's watch has found. The journal beside the backups is what counts; this is for asking.

CREATE TABLE everline.findings (
    id              text PRIMARY KEY,
    rule            text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    at              timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    count           bigint NOT NULL,
    role            text,
    address         text,
    database        text,
    object          text,
    statement       text,
    evidence        text[] NOT NULL,
    advice          text NOT NULL,
    cause           text NOT NULL,
    destroyed_at    timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text,
    -- The channels that have told somebody.
    told            text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX findings_last_at ON everline.findings (last_at);

-- Up to which entry of the journal the table agrees, and that entry's code: a journal that was cut or replaced is known by it.
CREATE TABLE everline.findings_journal (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number   bigint NOT NULL,
    code     text NOT NULL
);
INSERT INTO everline.findings_journal (number, code) VALUES (0, '');

-- How many audited statements there were in each hour, by class and role.
CREATE TABLE everline.audited_statements (
    hour  timestamptz NOT NULL,
    class text NOT NULL,
    role  text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (hour, class, role)
);

-- The room in which admins are told: made when there is something to tell, with the admins there are then. Whoever writes in it has a name that nobody can
-- register (no username holds a colon) and that nobody can log in by.
-- Raises EV010 if somebody else had made a room of that name.
CREATE FUNCTION everline.ops_room(p_name text) RETURNS TABLE (room_id bigint, sender_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_sender bigint;
    v_room bigint;
    v_owner bigint;
    v_gone bigint;
    v_come bigint;
BEGIN
    INSERT INTO everline.users (username, username_key, display_name, password_hash, disabled)
    VALUES ('db:guardian', 'db:guardian', 'db-guardian', '!', true) ON CONFLICT DO NOTHING;
    SELECT u.id INTO v_sender FROM everline.users u WHERE u.username_key = 'db:guardian';
    SELECT r.id, r.created_by INTO v_room, v_owner FROM everline.rooms r WHERE r.name = p_name;
    IF v_room IS NULL THEN
        v_room := everline.create_room(p_name, 'private', 'What the guardian has found', v_sender);
    ELSIF v_owner <> v_sender THEN
        RAISE EXCEPTION 'the room is somebody else''s' USING ERRCODE = 'EV010';
    END IF;
    PERFORM 1 FROM everline.room_counters c WHERE c.room_id = v_room FOR UPDATE;
    WITH gone AS (
        DELETE FROM everline.room_members m WHERE m.room_id = v_room AND m.user_id <> v_sender
            AND NOT EXISTS (SELECT FROM everline.users u WHERE u.id = m.user_id AND u.admin AND NOT u.disabled)
        RETURNING 1
    ) SELECT count(*) INTO v_gone FROM gone;
    WITH come AS (
        INSERT INTO everline.room_members (room_id, user_id, role)
        SELECT v_room, u.id, 'member' FROM everline.users u WHERE u.admin AND NOT u.disabled
        ON CONFLICT DO NOTHING RETURNING 1
    ) SELECT count(*) INTO v_come FROM come;
    IF v_gone + v_come > 0 THEN
        UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = v_room;
    END IF;
    RETURN QUERY SELECT v_room, v_sender;
END $$;

-- As before, except that nobody but the guardian makes the room that its findings go to.
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
    RETURN v_id;
END $$;

REVOKE ALL ON FUNCTION everline.ops_room(text) FROM PUBLIC;

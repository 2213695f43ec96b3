-- When an account has ended, its name is to stand nowhere any more; and a room whose last owner goes is not left to somebody who cannot come in.

-- Rooms whose newest messages may show the name of a deleted account: those that it wrote in.
CREATE FUNCTION everline.traces(p_user bigint) RETURNS TABLE (room_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.id FROM everline.rooms r
    WHERE EXISTS (SELECT FROM everline.departures d WHERE d.user_id = p_user)
        AND EXISTS (SELECT FROM everline.messages m WHERE m.room_id = r.id AND m.sender_id = p_user);
$$;

-- As before, and of those who are left the one who owns the room next is not disabled, if there is such a one.
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
        SELECT n.user_id FROM everline.room_members n JOIN everline.users u ON u.id = n.user_id WHERE n.room_id = p_room
        ORDER BY u.disabled, n.role = 'moderator' DESC, n.joined_at, n.user_id LIMIT 1)
    AND NOT EXISTS (SELECT FROM everline.room_members o WHERE o.room_id = p_room AND o.role = 'owner');
    UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = p_room;
    RETURN QUERY SELECT 0, v_rev + 1;
END $$;

-- As before, and the same for the rooms of who goes for good.
CREATE OR REPLACE FUNCTION everline.delete_account(p_user bigint, p_bury boolean) RETURNS boolean
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
            SELECT n.user_id FROM everline.room_members n JOIN everline.users u ON u.id = n.user_id WHERE n.room_id = v_room
            ORDER BY u.disabled, n.role = 'moderator' DESC, n.joined_at, n.user_id LIMIT 1)
        AND NOT EXISTS (SELECT FROM everline.room_members o WHERE o.room_id = v_room AND o.role = 'owner')
        AND EXISTS (SELECT FROM everline.rooms r WHERE r.id = v_room AND r.kind <> 'direct');
        UPDATE everline.room_counters c SET members_rev = c.members_rev + 1 WHERE c.room_id = v_room;
    END LOOP;
    DELETE FROM everline.read_markers k WHERE k.user_id = p_user;
    DELETE FROM everline.mentions x WHERE x.user_id = p_user;
    INSERT INTO everline.departures (user_id, burying) VALUES (p_user, p_bury);
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION everline.traces(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION everline.traces(bigint) TO everline_auth;

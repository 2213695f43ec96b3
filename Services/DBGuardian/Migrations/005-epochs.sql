-- Epochs that only ever grow, and that every service sees to.

-- As before, except for the generation: it is a time, unless the one before it lies in the future. Counting from what a backup holds, a second
-- restore would make a number that was used before, and what was remembered under the higher ones (the windows in Redis) would never give way.
--
-- A caller whose transaction is read only gets the epoch as long as it is the server's own; where a new one is due it fails (25006), for the old one would
-- be wrong. So those who only read call it in a transaction that may write (BEGIN READ WRITE), which gives them no right to any table.
CREATE OR REPLACE FUNCTION everline.current_epoch() RETURNS text
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
    VALUES (extract(epoch FROM clock_timestamp())::bigint, substr(replace(gen_random_uuid()::text, '-', ''), 1, 12), v_system, v_timeline)
    ON CONFLICT (only_row) DO UPDATE
        SET generation = greatest(e.generation + 1, excluded.generation), token = excluded.token,
            system_identifier = excluded.system_identifier, timeline = excluded.timeline, since = clock_timestamp()
        WHERE (e.system_identifier, e.timeline) IS DISTINCT FROM (excluded.system_identifier, excluded.timeline);
    RETURN (SELECT e.generation || '-' || e.token FROM everline.epoch e);
END $$;

CREATE OR REPLACE FUNCTION everline.new_epoch(p_expected text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE everline.room_counters IN EXCLUSIVE MODE;
    UPDATE everline.epoch e
    SET generation = greatest(e.generation + 1, extract(epoch FROM clock_timestamp())::bigint),
        token = substr(replace(gen_random_uuid()::text, '-', ''), 1, 12), since = clock_timestamp()
    WHERE e.generation || '-' || e.token = p_expected;
    RETURN everline.current_epoch();
END $$;

-- A database that was made just now may stand beside a Redis that remembers another. Nobody knows its first epoch yet.
UPDATE everline.epoch SET generation = greatest(generation, extract(epoch FROM clock_timestamp())::bigint)
WHERE NOT EXISTS (SELECT FROM everline.rooms);

GRANT EXECUTE ON FUNCTION everline.current_epoch() TO everline_auth, everline_history;

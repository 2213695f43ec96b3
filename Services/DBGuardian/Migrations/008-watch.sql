-- What the watch reads of our own tables: who logged in, and the numbers of rooms; of messages their numbers alone.
GRANT USAGE ON SCHEMA everline TO everline_watch;
GRANT SELECT ON everline.login_log, everline.room_counters, everline.rooms, everline.migrations, everline.epoch TO everline_watch;
GRANT SELECT (room_id, seq) ON everline.messages TO everline_watch;

-- What pgAudit records of anybody (object audit): reading accounts, and changing messages otherwise than by the functions, in which it records nothing.
GRANT SELECT ON everline.users TO everline_audit;
GRANT UPDATE, DELETE ON everline.messages TO everline_audit;

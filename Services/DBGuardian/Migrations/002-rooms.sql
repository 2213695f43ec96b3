-- Rooms, their members, their messages, and the row that numbers them.

CREATE TABLE everline.rooms (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    kind       text NOT NULL CHECK (kind IN ('public', 'private', 'direct')),
    title      text,
    created_by bigint NOT NULL REFERENCES everline.users,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One short row a room, which every append and every change of membership locks. It is also the outbox: what it counts has been committed.
-- Half of each page stays free, so that updates find room beside the old version and touch no index.
CREATE TABLE everline.room_counters (
    room_id      bigint PRIMARY KEY REFERENCES everline.rooms,
    last_seq     bigint NOT NULL DEFAULT 0,
    last_rev     bigint NOT NULL DEFAULT 0,
    members_rev  bigint NOT NULL DEFAULT 0,
    last_sent_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE everline.room_members (
    room_id   bigint NOT NULL REFERENCES everline.rooms,
    user_id   bigint NOT NULL REFERENCES everline.users,
    role      text NOT NULL CHECK (role IN ('owner', 'moderator', 'member')),
    joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX room_members_user ON everline.room_members (user_id, room_id);

-- No foreign keys: they halve the rate of appending. The append has checked what they would.
CREATE TABLE everline.messages (
    room_id    bigint NOT NULL,
    seq        bigint NOT NULL,
    sender_id  bigint NOT NULL,
    client_id  uuid NOT NULL,
    body       text NOT NULL,
    reply_to   bigint,
    sent_at    timestamptz NOT NULL,
    rev        bigint,
    edited_at  timestamptz,
    deleted_at timestamptz,
    PRIMARY KEY (room_id, seq),
    UNIQUE (room_id, sender_id, client_id)
);
CREATE INDEX messages_sent_at ON everline.messages (room_id, sent_at, seq);

-- The line of history that numbers belong to. Exactly one row; another system or timeline, or a counter that fell, makes a new epoch.
CREATE TABLE everline.epoch (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation        bigint NOT NULL,
    token             text NOT NULL,
    system_identifier bigint NOT NULL,
    timeline          text NOT NULL,
    since             timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT ON everline.rooms, everline.room_counters, everline.room_members, everline.messages, everline.epoch
    TO everline_gateway, everline_history;
-- A session that Redis remembers from before a restore is known by its epoch.
GRANT SELECT ON everline.epoch TO everline_auth;

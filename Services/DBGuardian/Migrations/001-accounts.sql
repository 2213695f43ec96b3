-- Users, their login log and their sessions: the auth service's.

CREATE TABLE everline.users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username      text NOT NULL,
    -- The name after NFKC and case folding: what makes it unique.
    username_key  text NOT NULL UNIQUE,
    display_name  text NOT NULL,
    -- A PHC string: $scrypt$ln=…,r=…,p=…$salt$key.
    password_hash text NOT NULL,
    admin         boolean NOT NULL DEFAULT false,
    disabled      boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Every attempt, also those of names that no user has.
CREATE TABLE everline.login_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    user_id bigint REFERENCES everline.users,
    name    text NOT NULL,
    outcome text NOT NULL,
    address text NOT NULL,
    client  text
);
CREATE INDEX login_log_user ON everline.login_log (user_id, id);
CREATE INDEX login_log_at ON everline.login_log (at);

-- Only the hash of a session's token is kept (SHA-256).
CREATE TABLE everline.sessions (
    token_hash   bytea PRIMARY KEY,
    id           uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    user_id      bigint NOT NULL REFERENCES everline.users,
    client       text,
    address      text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX sessions_user ON everline.sessions (user_id);
CREATE INDEX sessions_expiry ON everline.sessions (expires_at);

GRANT USAGE ON SCHEMA everline TO everline_auth, everline_gateway, everline_history;
GRANT SELECT ON everline.users TO everline_auth;
GRANT INSERT (username, username_key, display_name, password_hash, admin) ON everline.users TO everline_auth;
GRANT UPDATE (display_name, password_hash, admin, disabled) ON everline.users TO everline_auth;
GRANT SELECT, INSERT ON everline.login_log TO everline_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON everline.sessions TO everline_auth;
GRANT SELECT (id, username, username_key, display_name, disabled) ON everline.users TO everline_gateway;
GRANT SELECT (id, username, display_name) ON everline.users TO everline_history;

-- The guardian's pulse: one row, written each second. How old it is in a restored database is how much was lost, measured.
CREATE TABLE everline.heartbeat (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    beat     bigint NOT NULL,
    at       timestamptz NOT NULL
) WITH (fillfactor = 20);

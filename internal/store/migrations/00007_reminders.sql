-- Reminders, and the order in which requests are worked.

-- +goose Up
-- One row for each moment of a waiting request: the key keeps it from coming twice.
CREATE TABLE reminder (
    request_id TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    step       TEXT NOT NULL,                    -- as approval.Reminder.Step names it, or "expired"
    told_at    TIMESTAMP NOT NULL,
    PRIMARY KEY (request_id, step)
);
-- Until now a setting remembered that a card had been drawn as expired.
INSERT INTO reminder (request_id, step, told_at)
    SELECT r.id, 'expired', s.updated_at FROM setting s JOIN request r ON s.key = 'once:expired:' || r.id;
DELETE FROM setting WHERE key LIKE 'once:expired:%';

-- The earlier, the more urgent: when it was first seen, or a month before the
-- certificate in question ends.
ALTER TABLE request ADD COLUMN urgent_at TIMESTAMP;
UPDATE request SET urgent_at = seen_at;
CREATE INDEX request_urgent ON request (urgent_at) WHERE settled_at IS NULL;

-- +goose Down
DROP INDEX request_urgent;
ALTER TABLE request DROP COLUMN urgent_at;
DROP TABLE reminder;

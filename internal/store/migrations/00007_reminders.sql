-- Reminders, the order in which requests are worked, requesters who follow, people
-- who are away.

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

-- Requesters who are told what becomes of their request.
CREATE TABLE follower (
    request_id TEXT PRIMARY KEY REFERENCES request (id) ON DELETE CASCADE,
    told       TEXT NOT NULL DEFAULT '',         -- the state that they were told last
    done_at    TIMESTAMP                         -- nothing is left to tell
);
CREATE INDEX follower_open ON follower (request_id) WHERE done_at IS NULL;

-- A reply may be a direct message, which needs no card.
CREATE TABLE reply_or_direct (
    request_id      TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL,               -- the card's, or the person's id
    key             TEXT NOT NULL,
    place           BIGINT NOT NULL,             -- the order within the thread
    body            TEXT NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    post_started_at TIMESTAMP,
    posted_at       TIMESTAMP,
    ts              TEXT NOT NULL DEFAULT '',
    failed_at       TIMESTAMP,
    error           TEXT NOT NULL DEFAULT '',
    direct          BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (request_id, channel, key)
);
INSERT INTO reply_or_direct (request_id, channel, key, place, body, created_at, post_started_at, posted_at, ts, failed_at, error)
    SELECT request_id, channel, key, place, body, created_at, post_started_at, posted_at, ts, failed_at, error FROM reply;
DROP TABLE reply;
ALTER TABLE reply_or_direct RENAME TO reply;
CREATE INDEX reply_to_post ON reply (request_id, channel, place) WHERE posted_at IS NULL AND failed_at IS NULL;

-- People who are away, and who stands in for them. One that has run out ends by itself.
CREATE TABLE absence (
    id          TEXT PRIMARY KEY,                -- UUIDv7
    user_id     TEXT NOT NULL,
    person      TEXT NOT NULL,                   -- approval.Person as JSON
    delegate_id TEXT NOT NULL,                   -- empty is nobody
    delegate    TEXT NOT NULL,                   -- approval.Person as JSON
    from_at     TIMESTAMP NOT NULL,
    until_at    TIMESTAMP NOT NULL,
    ended_at    TIMESTAMP                        -- before its time, or replaced by another
);
CREATE UNIQUE INDEX absence_live ON absence (user_id) WHERE ended_at IS NULL;
ALTER TABLE vote ADD COLUMN stands_for TEXT NOT NULL DEFAULT '{}';      -- approval.Person as JSON: who is away and represented
ALTER TABLE decision ADD COLUMN stands_for TEXT NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE decision DROP COLUMN stands_for;
ALTER TABLE vote DROP COLUMN stands_for;
DROP TABLE absence;
CREATE TABLE reply_in_thread (
    request_id      TEXT NOT NULL,
    channel         TEXT NOT NULL,
    key             TEXT NOT NULL,
    place           BIGINT NOT NULL,
    body            TEXT NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    post_started_at TIMESTAMP,
    posted_at       TIMESTAMP,
    ts              TEXT NOT NULL DEFAULT '',
    failed_at       TIMESTAMP,
    error           TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, channel, key),
    FOREIGN KEY (request_id, channel) REFERENCES card (request_id, channel) ON DELETE CASCADE
);
INSERT INTO reply_in_thread (request_id, channel, key, place, body, created_at, post_started_at, posted_at, ts, failed_at, error)
    SELECT request_id, channel, key, place, body, created_at, post_started_at, posted_at, ts, failed_at, error FROM reply WHERE NOT direct;
DROP TABLE reply;
ALTER TABLE reply_in_thread RENAME TO reply;
CREATE INDEX reply_to_post ON reply (request_id, channel, place) WHERE posted_at IS NULL AND failed_at IS NULL;
DROP TABLE follower;
DROP INDEX request_urgent;
ALTER TABLE request DROP COLUMN urgent_at;
DROP TABLE reminder;

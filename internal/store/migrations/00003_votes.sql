-- Votes on the way to a quorum, several Keyfactor accounts, subscriptions of channels.

-- +goose Up
ALTER TABLE decision ADD COLUMN voices TEXT NOT NULL DEFAULT 'null';  -- the others whose votes made it, list of approval.Voice as JSON
ALTER TABLE decision ADD COLUMN account TEXT NOT NULL DEFAULT '';     -- the Keyfactor login that carries it; empty is the first
ALTER TABLE decision ADD COLUMN counted_at TIMESTAMP;                 -- Keyfactor took it and waits for further people

-- One decision at a time; no account and no person carries a second one.
DROP INDEX decision_live;
CREATE UNIQUE INDEX decision_one_open ON decision (request_id) WHERE finished_at IS NULL AND failed_at IS NULL;
CREATE UNIQUE INDEX decision_account ON decision (request_id, account) WHERE failed_at IS NULL;
CREATE UNIQUE INDEX decision_person ON decision (request_id, user_id) WHERE failed_at IS NULL;

CREATE TABLE vote (
    request_id   TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    user_id      TEXT NOT NULL,
    verdict      TEXT NOT NULL CHECK (verdict IN ('approve', 'deny')),
    person       TEXT NOT NULL,                  -- approval.Person as JSON
    groups       TEXT NOT NULL,                  -- list of names as JSON
    comment      TEXT NOT NULL,
    digest       TEXT NOT NULL,                  -- of what the person was shown
    channel      TEXT NOT NULL,
    voted_at     TIMESTAMP NOT NULL,
    withdrawn_at TIMESTAMP,
    void_at      TIMESTAMP,                      -- the question changed; it stays void if it changes back
    decision_id  TEXT REFERENCES decision (id),  -- that carries it and has not failed
    PRIMARY KEY (request_id, user_id)
);
CREATE INDEX vote_decision ON vote (decision_id) WHERE decision_id IS NOT NULL;

-- What is on its way at this moment must not be said twice afterwards.
INSERT INTO vote (request_id, user_id, verdict, person, groups, comment, digest, channel, voted_at, decision_id)
    SELECT request_id, user_id, verdict, person, 'null', comment, digest, channel, decided_at, id
    FROM decision WHERE finished_at IS NULL AND failed_at IS NULL;

CREATE TABLE subscription (
    id         TEXT PRIMARY KEY,
    channel    TEXT NOT NULL,
    filter     TEXT NOT NULL,                    -- JSON; its maker's
    created_by TEXT NOT NULL,                    -- approval.Person as JSON
    created_at TIMESTAMP NOT NULL,
    removed_by TEXT,
    removed_at TIMESTAMP,
    CHECK ((removed_by IS NULL) = (removed_at IS NULL))
);
CREATE INDEX subscription_live ON subscription (created_at, id) WHERE removed_at IS NULL;

-- +goose Down
-- Where one request has several decisions that Keyfactor took, the index cannot be
-- made, and the way back is refused.
CREATE UNIQUE INDEX decision_live ON decision (request_id) WHERE failed_at IS NULL;
DROP TABLE subscription;
DROP TABLE vote;
DROP INDEX decision_person;
DROP INDEX decision_account;
DROP INDEX decision_one_open;
ALTER TABLE decision DROP COLUMN counted_at;
ALTER TABLE decision DROP COLUMN account;
ALTER TABLE decision DROP COLUMN voices;

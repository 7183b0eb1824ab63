-- One text for SQLite and PostgreSQL: no auto-increment, no JSON operators, no now().
-- Times are UTC, cut to microseconds.

-- +goose Up
CREATE TABLE request (
    id             TEXT PRIMARY KEY,
    kind           TEXT NOT NULL,
    matter         TEXT NOT NULL,
    body           TEXT NOT NULL,                -- approval.Request as JSON, as last read
    digest         TEXT NOT NULL,                -- of the question that body asks
    changed        TEXT NOT NULL,                -- the source's stamp of its last change
    state          TEXT NOT NULL CHECK (state IN ('pending', 'deciding', 'approved', 'denied', 'closed')),
    outcome        TEXT,                         -- approval.Outcome as JSON, once settled
    outcome_matter TEXT NOT NULL DEFAULT '',     -- what continues elsewhere
    route          TEXT NOT NULL,
    version        BIGINT NOT NULL,              -- counts what a card should show
    seen_at        TIMESTAMP NOT NULL,
    updated_at     TIMESTAMP NOT NULL,
    settled_at     TIMESTAMP,
    CHECK ((settled_at IS NULL) = (state IN ('pending', 'deciding'))),
    CHECK ((outcome IS NULL) = (settled_at IS NULL))
);
CREATE INDEX request_open ON request (kind, seen_at) WHERE settled_at IS NULL;
CREATE INDEX request_settled ON request (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX request_matter ON request (matter) WHERE matter <> '';
CREATE INDEX request_outcome_matter ON request (outcome_matter) WHERE outcome_matter <> '';

CREATE TABLE card (
    request_id      TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL,               -- as the route names it
    slack_channel   TEXT NOT NULL DEFAULT '',    -- as Slack answered
    ts              TEXT,
    post_started_at TIMESTAMP,                   -- committed before chat.postMessage
    posted_at       TIMESTAMP,
    shown_version   BIGINT NOT NULL DEFAULT 0,
    draw_started_at TIMESTAMP,                   -- committed before chat.update, gone when its end is known
    failed_at       TIMESTAMP,
    error           TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, channel),
    CHECK ((ts IS NULL) = (posted_at IS NULL))
);
CREATE INDEX card_to_post ON card (channel) WHERE posted_at IS NULL AND failed_at IS NULL;
CREATE UNIQUE INDEX card_message ON card (slack_channel, ts) WHERE ts IS NOT NULL;

CREATE TABLE reply (
    request_id      TEXT NOT NULL,
    channel         TEXT NOT NULL,
    key             TEXT NOT NULL,
    place           BIGINT NOT NULL,             -- the order within the thread
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
CREATE INDEX reply_to_post ON reply (request_id, channel, place) WHERE posted_at IS NULL AND failed_at IS NULL;

CREATE TABLE decision (
    id                TEXT PRIMARY KEY,
    request_id        TEXT NOT NULL REFERENCES request (id) ON DELETE CASCADE,
    verdict           TEXT NOT NULL CHECK (verdict IN ('approve', 'deny')),
    user_id           TEXT NOT NULL,
    person            TEXT NOT NULL,             -- approval.Person as JSON
    comment           TEXT NOT NULL,
    digest            TEXT NOT NULL,             -- of what the person was shown
    channel           TEXT NOT NULL,
    decided_at        TIMESTAMP NOT NULL,
    signal_started_at TIMESTAMP,                 -- committed before the signal leaves
    sent_at           TIMESTAMP,                 -- Keyfactor took it
    finished_at       TIMESTAMP,
    failed_at         TIMESTAMP,
    error             TEXT NOT NULL DEFAULT '',
    trouble           TEXT NOT NULL DEFAULT '',  -- why it takes longer, as a sentence
    CHECK (finished_at IS NULL OR failed_at IS NULL)
);
-- One decision at a time: a further one only when all before it have failed.
CREATE UNIQUE INDEX decision_live ON decision (request_id) WHERE failed_at IS NULL;
CREATE INDEX decision_open ON decision (decided_at) WHERE finished_at IS NULL AND failed_at IS NULL;
CREATE INDEX decision_request ON decision (request_id, decided_at);

CREATE TABLE audit (
    seq        BIGINT PRIMARY KEY,
    at         TIMESTAMP NOT NULL,
    event      TEXT NOT NULL,
    request_id TEXT NOT NULL,
    team       TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    name       TEXT NOT NULL,
    email      TEXT NOT NULL,
    membership TEXT NOT NULL,
    detail     TEXT NOT NULL,                    -- JSON object
    prev       TEXT NOT NULL,                    -- hash of the entry before
    hash       TEXT NOT NULL
);
CREATE INDEX audit_request ON audit (request_id, seq) WHERE request_id <> '';

-- The one row that is locked to add an entry, and that remembers where the
-- chain ends, so that a missing tail is noticed.
CREATE TABLE audit_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, '');

CREATE TABLE setting (
    key        TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

-- +goose Down
DROP TABLE setting;
DROP TABLE audit_head;
DROP TABLE audit;
DROP TABLE decision;
DROP TABLE reply;
DROP TABLE card;
DROP TABLE request;

-- What hints go by. It outlives the requests it was learned from, so nothing refers to them.

-- +goose Up
CREATE TABLE approved_domain (
    domain      TEXT NOT NULL,                   -- registrable, as on the wire
    requester   TEXT NOT NULL,                   -- lower case
    skeleton    TEXT NOT NULL,                   -- what the eye takes the domain for
    request_id  TEXT NOT NULL,                   -- the first one
    approved_at TIMESTAMP NOT NULL,
    PRIMARY KEY (domain, requester)
);
CREATE INDEX approved_domain_requester ON approved_domain (requester);
CREATE INDEX approved_domain_skeleton ON approved_domain (skeleton);

CREATE TABLE seen_key (
    key_id      TEXT NOT NULL,                   -- SHA-256 of the public key
    request_id  TEXT NOT NULL,
    name        TEXT NOT NULL,                   -- what people call the request
    matter      TEXT NOT NULL,
    seen_at     TIMESTAMP NOT NULL,
    approved_at TIMESTAMP,
    PRIMARY KEY (key_id, request_id)
);
CREATE INDEX seen_key_request ON seen_key (request_id);

-- +goose Down
DELETE FROM setting WHERE key = 'memory_begun';
DROP TABLE seen_key;
DROP TABLE approved_domain;

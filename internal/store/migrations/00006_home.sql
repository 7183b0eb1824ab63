-- What a person did lately, and who says that they are looking at a request.

-- +goose Up
CREATE INDEX vote_user ON vote (user_id, voted_at);

ALTER TABLE request ADD COLUMN claimed_by TEXT;        -- approval.Person as JSON
ALTER TABLE request ADD COLUMN claimed_at TIMESTAMP;
ALTER TABLE request ADD COLUMN claim_until TIMESTAMP;  -- then it lapses by itself
CREATE INDEX request_claim ON request (claim_until) WHERE claim_until IS NOT NULL;

-- +goose Down
DROP INDEX request_claim;
ALTER TABLE request DROP COLUMN claim_until;
ALTER TABLE request DROP COLUMN claimed_at;
ALTER TABLE request DROP COLUMN claimed_by;
DROP INDEX vote_user;

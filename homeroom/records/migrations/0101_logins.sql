-- Logins: one family of refresh tokens each, of which only the newest is good, and only once. Times are Unix milliseconds.

CREATE TABLE logins (
    family text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    address text NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint,
    reason text
);

CREATE INDEX logins_user ON logins (user_id);
CREATE INDEX logins_ended ON logins (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY,
    family text NOT NULL REFERENCES logins ON DELETE CASCADE,
    issued_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    used_at bigint
);

CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);

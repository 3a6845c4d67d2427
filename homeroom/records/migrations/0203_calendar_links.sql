-- The private link under which a person's calendar is read without a login: one a person. Kept is the SHA-256 of its secret, by whose first
-- bytes (`mark`) it is found; the rest is compared by the program in constant time. Times are Unix milliseconds.

CREATE TABLE calendar_links (
    user_id text PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    mark    bytea NOT NULL UNIQUE,
    digest  bytea NOT NULL,
    made_at bigint NOT NULL
);

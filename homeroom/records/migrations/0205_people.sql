-- People and the parents' links as records: who was deleted stays for those that name them, and frees the login. Times are Unix milliseconds.

ALTER TABLE users ADD COLUMN deleted_at bigint;
ALTER TABLE users DROP CONSTRAINT users_login_key;
CREATE UNIQUE INDEX users_login_key ON users (login) WHERE deleted_at IS NULL;

COMMENT ON COLUMN users.deleted_at IS 'from when on nobody is told of the person but by name: journals refer to the id for ever';

-- A link is made anew when the same two are linked again; the one that ended stays as it was.
ALTER TABLE guardians
    ADD COLUMN id text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN created_at bigint NOT NULL DEFAULT (extract(epoch FROM now()) * 1000)::bigint;
UPDATE guardians SET created_at = changed_at;
ALTER TABLE guardians DROP CONSTRAINT guardians_pkey;
ALTER TABLE guardians ADD CONSTRAINT guardianships_pkey PRIMARY KEY (id);
ALTER TABLE guardians RENAME CONSTRAINT guardians_guardian_fkey TO guardianships_guardian_id_fkey;
ALTER TABLE guardians RENAME CONSTRAINT guardians_ward_fkey TO guardianships_ward_id_fkey;
CREATE UNIQUE INDEX guardianships_guardian_id_ward_id_key ON guardians (guardian, ward) WHERE active;
CREATE INDEX guardians_guardian ON guardians (guardian);

CREATE VIEW guardianships AS
    SELECT id, version, created_at, changed_at AS updated_at, guardian AS guardian_id, ward AS ward_id, active FROM guardians;
ALTER VIEW guardianships ALTER COLUMN active SET DEFAULT true;

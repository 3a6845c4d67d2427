-- The people of the school, and who changed what of theirs. Times are Unix milliseconds.

CREATE TABLE users (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    login text NOT NULL UNIQUE CHECK (login = lower(login) AND length(login) BETWEEN 1 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    role text NOT NULL CHECK (role IN ('super_admin', 'admin', 'teacher', 'student', 'parent')),
    password text,
    active boolean NOT NULL DEFAULT true,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    tokens_from bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1
);

COMMENT ON COLUMN users.tokens_from IS 'tokens made before this time count no more';

CREATE INDEX users_tokens_from ON users (tokens_from) WHERE tokens_from > 0;

CREATE TABLE audit_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity_type text NOT NULL,
    entity_id text NOT NULL,
    action text NOT NULL,
    changed_by text NOT NULL,
    detail text NOT NULL DEFAULT '',
    at bigint NOT NULL
);

CREATE INDEX audit_logs_entity ON audit_logs (entity_type, entity_id, id);

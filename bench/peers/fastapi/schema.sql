-- What the peer keeps: the tables, columns and indexes that Homeroom's tasks need, their audit, the activity feed, and numbered events by
-- channel.

CREATE TABLE users (
    id text PRIMARY KEY,
    role text NOT NULL
);

CREATE TABLE tasks (
    id text PRIMARY KEY,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    mentor_id text NOT NULL REFERENCES users,
    student_id text NOT NULL REFERENCES users,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (length(description) <= 4000),
    due_at bigint,
    status text NOT NULL CHECK (status IN ('pending', 'in_progress', 'done', 'cancelled')),
    done_at bigint
);
CREATE INDEX tasks_student_status ON tasks (student_id, status);
CREATE INDEX tasks_mentor_status ON tasks (mentor_id, status);
CREATE INDEX tasks_student_due ON tasks (student_id, due_at);

CREATE TABLE audit_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity_type text NOT NULL,
    entity_id text NOT NULL,
    action text NOT NULL,
    changed_by text NOT NULL,
    old_value text,
    new_value text,
    at bigint NOT NULL
);
CREATE INDEX audit_logs_entity ON audit_logs (entity_type, entity_id, id);

CREATE TABLE activity_feed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_type text NOT NULL,
    actor_id text NOT NULL,
    target_type text NOT NULL,
    target_id text NOT NULL,
    payload text NOT NULL,
    channels text[] NOT NULL,
    at bigint NOT NULL
);
CREATE INDEX activity_feed_channels ON activity_feed USING gin (channels);
CREATE INDEX activity_feed_type ON activity_feed (event_type, at);
CREATE INDEX activity_feed_target ON activity_feed (target_type, target_id, id);

CREATE TABLE channels (
    stream text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL
);

CREATE TABLE journal (
    stream text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    type text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    by text COLLATE "C" NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (stream, seq)
);

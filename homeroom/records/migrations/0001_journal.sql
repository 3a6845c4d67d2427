-- What the engine keeps of every actor. Text is compared byte by byte (COLLATE "C"), whatever the database's locale.

CREATE TABLE journal (
    stream  text COLLATE "C" NOT NULL,
    seq     bigint NOT NULL CHECK (seq > 0),
    type    text COLLATE "C" NOT NULL,
    at      bigint NOT NULL,
    by      text COLLATE "C" NOT NULL,
    body    bytea NOT NULL,
    client  text COLLATE "C",
    command bigint,
    digest  bytea,
    reply   bytea,
    PRIMARY KEY (stream, seq),
    CHECK ((client IS NULL) = (command IS NULL) AND (client IS NULL) = (digest IS NULL))
);

-- One command, one effect, for the life of the stream; also the way to a client's newest command.
CREATE UNIQUE INDEX journal_command ON journal (stream, client, command) WHERE client IS NOT NULL;

CREATE TABLE snapshots (
    stream  text COLLATE "C" PRIMARY KEY,
    seq     bigint NOT NULL,
    version integer NOT NULL,
    body    bytea NOT NULL
);

CREATE TABLE deadlines (
    stream text COLLATE "C" NOT NULL,
    key    text COLLATE "C" NOT NULL,
    due    bigint, -- Unix ms; null: when the owner starts anew
    PRIMARY KEY (stream, key)
);
CREATE INDEX deadlines_due ON deadlines (due, stream, key);

CREATE TABLE messages (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    verb   text COLLATE "C" NOT NULL,
    body   bytea NOT NULL
);

-- The name of this history: cursors made in another history do not fit here.
CREATE TABLE epoch (
    name  text COLLATE "C" NOT NULL,
    alone boolean PRIMARY KEY DEFAULT true CHECK (alone)
);
INSERT INTO epoch (name) VALUES (replace(gen_random_uuid()::text, '-', ''));

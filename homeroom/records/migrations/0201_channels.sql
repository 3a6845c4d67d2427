-- What every record's change leaves behind beside its row. Times are Unix milliseconds; nested values are JSON text.

-- The heads of the streams of records: whoever appends to one holds its row until the end, so its numbers have no gap.
CREATE TABLE channels (
    stream text COLLATE "C" PRIMARY KEY,
    seq    bigint NOT NULL CHECK (seq >= 0),
    at     bigint NOT NULL DEFAULT 0
);

COMMENT ON COLUMN channels.at IS 'the time of the newest event: the times of a stream never go back, so that one can be looked for';

CREATE TABLE activity_feed (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_type  text NOT NULL,
    actor_id    text NOT NULL,
    target_type text NOT NULL,
    target_id   text NOT NULL,
    payload     text NOT NULL,
    channels    text[] NOT NULL,
    at          bigint NOT NULL
);
COMMENT ON COLUMN activity_feed.channels IS 'the streams it was told on: whoever may read one of them may read it here';

CREATE INDEX activity_feed_channels ON activity_feed USING gin (channels);
CREATE INDEX activity_feed_type ON activity_feed (event_type, at);
CREATE INDEX activity_feed_target ON activity_feed (target_type, target_id, id);

ALTER TABLE audit_logs ADD COLUMN old_value text, ADD COLUMN new_value text;

-- Writes that came with a key: a repeat gets the first answer. `digest` tells another body by the same key.
CREATE TABLE record_receipts (
    client text COLLATE "C" NOT NULL,
    key    text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    reply  bytea,
    at     bigint NOT NULL,
    PRIMARY KEY (client, key)
);
CREATE INDEX record_receipts_at ON record_receipts (at);

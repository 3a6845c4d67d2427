-- Records that came to be told, as rows, where they were not told just before: of what was said of them until then their past shows
-- the ids alone, since it may have been taken back between.
CREATE TABLE shown_anew (
    type    text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    at      bigint NOT NULL,
    PRIMARY KEY (type, id)
);
COMMENT ON COLUMN shown_anew.version IS 'the first state that may be shown, to whom the record is shown at all';

-- The figures of dashboards, kept as sums: whoever changes a row that counts adds to them in the same transaction. What is counted is
-- declared beside the record types; a server that declares it otherwise, or for another zone, counts all rows anew when it starts.

CREATE TABLE counters (
    scope text COLLATE "C" NOT NULL,
    name  text COLLATE "C" NOT NULL,
    day   text COLLATE "C" NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (scope, name, day)
);
COMMENT ON COLUMN counters.scope IS 'student:<id>, mentor:<id>, class:<id>, or school';
COMMENT ON COLUMN counters.day IS 'YYYY-MM-DD for what goes by days, in the zone of the school; else empty';

-- How the counters were counted from the rows, the last time: a digest of what is declared, and the zone. No row: they were not yet.
CREATE TABLE counters_made (
    how text PRIMARY KEY
);

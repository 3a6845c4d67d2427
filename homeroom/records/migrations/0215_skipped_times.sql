-- Slots of series that stand later than the time that is meant, as the clocks skip that on their day: moved on with their series, they are
-- there again. It is said of a moment at which the slot stands, or where its rule had put it, and no longer holds when that is another.
CREATE TABLE skipped_times (
    slot text NOT NULL REFERENCES schedules ON DELETE CASCADE,
    at   bigint NOT NULL,
    late bigint NOT NULL CHECK (late > 0),
    PRIMARY KEY (slot, at)
);
COMMENT ON COLUMN skipped_times.late IS 'by how many milliseconds the clocks show more at that moment than is meant';

-- Which parents stand for which children. A link that ended stays, so that whoever was not told yet can find out. Times are Unix milliseconds.

CREATE TABLE guardians (
    guardian text NOT NULL REFERENCES users ON DELETE CASCADE,
    ward text NOT NULL REFERENCES users ON DELETE CASCADE,
    active boolean NOT NULL DEFAULT true,
    changed_at bigint NOT NULL,
    PRIMARY KEY (guardian, ward),
    CHECK (guardian <> ward)
);

CREATE INDEX guardians_ward ON guardians (ward);
CREATE INDEX guardians_changed ON guardians (changed_at);

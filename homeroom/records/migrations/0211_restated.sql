-- Up to where what read models lack from earlier releases has been written, kind by kind; a server goes on with it when it starts.
CREATE TABLE restated (
    kind  text COLLATE "C" PRIMARY KEY,
    round integer NOT NULL,
    upto  text COLLATE "C" NOT NULL,
    done  boolean NOT NULL
);
COMMENT ON COLUMN restated.round IS 'which of the rounds that releases have asked for';
COMMENT ON COLUMN restated.upto IS 'the last stream that was done';

-- To which course those are bound who came to a class session by one; until it is written, nobody is.
ALTER TABLE IF EXISTS read_session_people ADD COLUMN IF NOT EXISTS bound text COLLATE "C" DEFAULT '';

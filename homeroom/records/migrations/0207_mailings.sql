-- Notices for so many people that they are told in pages, each with what has been told so far in one transaction.

CREATE TABLE mailings (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record  text NOT NULL,
    row_id  text NOT NULL,
    notice  text NOT NULL,
    besides text NOT NULL,
    upto    text COLLATE "C" NOT NULL DEFAULT '',
    pages   bigint NOT NULL DEFAULT 0,
    at      bigint NOT NULL
);

COMMENT ON COLUMN mailings.besides IS 'who did what is told, and so is not told';
COMMENT ON COLUMN mailings.upto IS 'the last person who has been told: people are told in the order of their ids';

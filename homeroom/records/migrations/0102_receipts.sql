-- Commands that were carried out and caused no event, and so have no row of the journal to stand beside.

CREATE TABLE receipts (
    stream  text COLLATE "C" NOT NULL,
    client  text COLLATE "C" NOT NULL,
    command bigint NOT NULL,
    digest  bytea NOT NULL,
    reply   bytea,
    PRIMARY KEY (stream, client, command)
);

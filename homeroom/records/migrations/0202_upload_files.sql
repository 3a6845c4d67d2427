-- Under which name the bytes of each upload lie in the file store. A file has its row before its first byte is written, so none is
-- ever forgotten. `lease` (Unix ms): until then whoever takes the file in is taken to be alive; 0: to be removed; NULL: kept.

CREATE TABLE upload_files (
    name      text COLLATE "C" PRIMARY KEY,
    upload_id text NOT NULL,
    lease     bigint
);

CREATE INDEX upload_files_upload ON upload_files (upload_id);
CREATE INDEX upload_files_lease ON upload_files (lease) WHERE lease IS NOT NULL;

-- However an upload goes, its file goes too.
CREATE FUNCTION let_go_of_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE upload_files SET lease = 0 WHERE upload_id = OLD.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER uploads_let_go AFTER DELETE ON uploads FOR EACH ROW EXECUTE FUNCTION let_go_of_file();

-- What is told or taken back in pages goes in order for each row, and some of it has a time to come: an announcement that ends is taken out
-- of the inboxes then. Those that a school published before are so as well.

COMMENT ON COLUMN mailings.at IS 'carried out not before, Unix ms; 0: at once';
CREATE INDEX IF NOT EXISTS mailings_row_idx ON mailings (record, row_id);
INSERT INTO mailings (record, row_id, notice, besides, at)
SELECT 'announcement', id, '-announcement.published', author_id, expires_at FROM announcements
WHERE status = 'published' AND expires_at IS NOT NULL;

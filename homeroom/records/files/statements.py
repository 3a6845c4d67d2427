"""What is asked of the tables of uploads: their rows, and their files with the leases.

A file's lease is the time, in Unix ms, until which it is being brought in; 0: it is to be removed; NULL: it is whole. A lease is given,
renewed and taken in one statement each, so that of those who want a file gone and those who bring it in one side wins.
Never here: when each is asked (`reception`).
"""

HELD = "SELECT id, owner_id, name, declared_type, size, status FROM uploads WHERE id = $1 FOR NO KEY UPDATE"
USED = """SELECT coalesce(sum(size) FILTER (WHERE status <> 'failed'), 0)::bigint AS bytes,
count(*) FILTER (WHERE status = 'receiving') AS coming FROM uploads WHERE owner_id = $1 AND id <> $2"""
WAS_HERE = (
    """SELECT id FROM audit_logs WHERE entity_type = 'upload' AND entity_id = $1 AND action = 'completed' LIMIT 1"""
)
"""Ids follow from keys: one that is free, and yet of a file that was here, comes from a late repeat of its first request."""
LEASED = "INSERT INTO upload_files (name, upload_id, lease) VALUES ($1, $2, $3) RETURNING name"
RENEWED = "UPDATE upload_files SET lease = $2 WHERE name = $1 AND lease > 0 RETURNING name"
KEPT = "UPDATE upload_files SET lease = NULL WHERE name = $1 AND lease > 0 RETURNING name"
LOST = "UPDATE upload_files SET lease = 0 WHERE name = $1 AND lease > 0 RETURNING name"
DEAD = """UPDATE upload_files SET lease = 0 WHERE name IN
(SELECT name FROM upload_files WHERE lease < $1 ORDER BY name FOR UPDATE SKIP LOCKED) RETURNING name, upload_id"""
ABANDONED = """SELECT id FROM uploads WHERE id = $1 AND status = 'receiving' AND NOT EXISTS
(SELECT FROM upload_files f WHERE f.upload_id = $1 AND f.name <> $2 AND f.lease > 0) FOR NO KEY UPDATE"""
FORGOTTEN = "DELETE FROM upload_files WHERE name = $1 RETURNING name"
NAME = "SELECT name FROM upload_files WHERE upload_id = $1 AND lease IS NULL"
ENDED = "UPDATE upload_files SET lease = 0 WHERE upload_id = $1 AND lease > 0 AND lease < $2 RETURNING name"
"""Takes the files of an upload that nobody brings in any more, as their server was killed."""
COMING = "SELECT lease FROM upload_files WHERE upload_id = $1 AND lease > 0"

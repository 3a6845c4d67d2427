-- What one person did, newest first, as the audit has it.
CREATE INDEX IF NOT EXISTS activity_feed_actor ON activity_feed (actor_id, id);

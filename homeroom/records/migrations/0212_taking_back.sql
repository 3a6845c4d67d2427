-- The inboxes in which notices lead to something, with where they lead, and those to which such notices may be on their way. Where no
-- inboxes are kept there is no table of them.
CREATE FUNCTION notices_told(links text[]) RETURNS TABLE (target text, link text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF to_regclass('read_inbox_notices') IS NOT NULL THEN
        RETURN QUERY SELECT DISTINCT n.stream::text, n.url::text FROM read_inbox_notices n WHERE n.url = ANY(links) AND NOT n.dismissed;
    END IF;
    RETURN QUERY SELECT DISTINCT m.target::text, l.link FROM messages m, unnest(links) AS l (link)
    WHERE m.verb = 'notify' AND position(convert_to(l.link, 'UTF8') IN m.body) > 0;
END $$;

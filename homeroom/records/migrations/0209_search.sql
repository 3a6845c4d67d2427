-- Words in texts, found by an index: every two characters that stand side by side in a text, and those that a question asks for.
-- They are said here and not in an extension, which not every server has.

CREATE FUNCTION text_grams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT substr(lower(words), place, 2)), '{}') FROM generate_series(1, length(lower(words)) - 1) AS places (place);
END;

CREATE FUNCTION word_grams(words text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT substr(word, place, 2)), '{}')
    FROM regexp_split_to_table(lower(words), '\s+') AS parts (word), generate_series(1, length(word) - 1) AS places (place);
END;

CREATE INDEX users_words_idx ON users USING gin (text_grams(name || ' ' || login)) WITH (gin_pending_list_limit = 256);

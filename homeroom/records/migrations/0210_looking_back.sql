-- The audit of all things, newest first: as a whole, of a time, and of one person. The order of numbers is that of beginnings, so the time leads.
CREATE INDEX audit_logs_at ON audit_logs (at, id);
CREATE INDEX audit_logs_by ON audit_logs (changed_by, at, id);

-- Servers ask every two seconds who is called otherwise now.
CREATE INDEX users_updated ON users (updated_at);

-- Words in titles, as `users_words_idx` has those of names.
CREATE INDEX courses_words_idx ON courses USING gin (text_grams(code || ' ' || title)) WITH (gin_pending_list_limit = 256);
CREATE INDEX vacancies_words_idx ON vacancies USING gin (text_grams(title || ' ' || department)) WITH (gin_pending_list_limit = 256);
CREATE INDEX entries_words_idx ON entries USING gin (text_grams(title)) WITH (gin_pending_list_limit = 256);

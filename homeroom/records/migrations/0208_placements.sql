-- What servers ask for every two seconds: who has come to belong where, or no longer does.

CREATE INDEX class_memberships_updated ON class_memberships (updated_at);
CREATE INDEX cohort_memberships_updated ON cohort_memberships (updated_at);
CREATE INDEX enrolments_updated ON enrolments (updated_at);
CREATE INDEX teachings_updated ON teachings (updated_at);
CREATE INDEX courses_updated ON courses (updated_at);
CREATE INDEX audit_logs_deleted ON audit_logs (at) WHERE action = 'deleted';

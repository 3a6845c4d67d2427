-- Made from the declarations of homeroom/records/school by `python -m tests.records.write_schema`.

CREATE TABLE terms (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    starts_on text NOT NULL CHECK (starts_on ~ '\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z'),
    ends_on text NOT NULL CHECK (ends_on ~ '\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z'),
    active boolean NOT NULL
);
CREATE INDEX terms_starts_on_idx ON terms (starts_on);

CREATE TABLE subjects (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    code text NOT NULL CHECK (code ~ '\A[A-Za-z0-9_.\-]{1,40}\Z'),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (length(description) BETWEEN 0 AND 4000),
    CONSTRAINT subjects_code_key UNIQUE (code)
);

CREATE TABLE classes (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    grade text NOT NULL CHECK (length(grade) BETWEEN 0 AND 100),
    room text NOT NULL CHECK (length(room) BETWEEN 0 AND 100),
    term_id text REFERENCES terms ON DELETE RESTRICT
);
CREATE INDEX classes_title_idx ON classes (title);
CREATE INDEX classes_term_id_idx ON classes (term_id);

CREATE TABLE class_memberships (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    class_id text NOT NULL REFERENCES classes ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    part text NOT NULL CHECK (part IN ('student', 'teacher')),
    CONSTRAINT class_memberships_class_id_user_id_key UNIQUE (class_id, user_id)
);
CREATE INDEX class_memberships_user_id_class_id_idx ON class_memberships (user_id, class_id);

CREATE TABLE teachings (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    class_id text NOT NULL REFERENCES classes ON DELETE CASCADE,
    subject_id text NOT NULL REFERENCES subjects ON DELETE RESTRICT,
    teacher_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    CONSTRAINT teachings_class_id_subject_id_teacher_id_key UNIQUE (class_id, subject_id, teacher_id)
);
CREATE INDEX teachings_teacher_id_class_id_idx ON teachings (teacher_id, class_id);
CREATE INDEX teachings_subject_id_idx ON teachings (subject_id);

CREATE TABLE cohorts (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (length(description) BETWEEN 0 AND 4000)
);

CREATE TABLE cohort_memberships (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    cohort_id text NOT NULL REFERENCES cohorts ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    part text NOT NULL CHECK (part IN ('member', 'mentor')),
    CONSTRAINT cohort_memberships_cohort_id_user_id_key UNIQUE (cohort_id, user_id)
);
CREATE INDEX cohort_memberships_user_id_cohort_id_idx ON cohort_memberships (user_id, cohort_id);

CREATE TABLE courses (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    code text NOT NULL CHECK (code ~ '\A[A-Za-z0-9_.\-]{1,40}\Z'),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (length(description) BETWEEN 0 AND 4000),
    teacher_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    term_id text REFERENCES terms ON DELETE RESTRICT,
    CONSTRAINT courses_code_key UNIQUE (code)
);
CREATE INDEX courses_teacher_id_idx ON courses (teacher_id);
CREATE INDEX courses_term_id_idx ON courses (term_id);

CREATE TABLE enrolments (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    course_id text NOT NULL REFERENCES courses ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    part text NOT NULL CHECK (part IN ('assistant', 'student', 'teacher')),
    status text NOT NULL CHECK (status IN ('active', 'completed', 'withdrawn')),
    CONSTRAINT enrolments_course_id_user_id_key UNIQUE (course_id, user_id)
);
CREATE INDEX enrolments_user_id_course_id_idx ON enrolments (user_id, course_id);

CREATE TABLE students (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    user_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    number text NOT NULL CHECK (number ~ '\A[A-Za-z0-9_.\-]{1,40}\Z'),
    class_id text REFERENCES classes ON DELETE RESTRICT,
    cohort_id text REFERENCES cohorts ON DELETE RESTRICT,
    birth_date text CHECK (birth_date ~ '\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z'),
    status text NOT NULL CHECK (status IN ('active', 'graduated', 'withdrawn')),
    CONSTRAINT students_user_id_key UNIQUE (user_id),
    CONSTRAINT students_number_key UNIQUE (number)
);
CREATE INDEX students_class_id_idx ON students (class_id);
CREATE INDEX students_cohort_id_idx ON students (cohort_id);

CREATE TABLE mentorships (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    mentor_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    student_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    active boolean NOT NULL,
    CONSTRAINT mentorships_mentor_id_student_id_key UNIQUE (mentor_id, student_id)
);
CREATE INDEX mentorships_student_id_mentor_id_idx ON mentorships (student_id, mentor_id);

CREATE TABLE attendance (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    class_id text NOT NULL REFERENCES classes ON DELETE RESTRICT,
    student_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    date text NOT NULL CHECK (date ~ '\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z'),
    status text NOT NULL CHECK (status IN ('absent', 'excused', 'late', 'present')),
    note text NOT NULL CHECK (length(note) BETWEEN 0 AND 500),
    marked_by text NOT NULL REFERENCES users ON DELETE RESTRICT,
    CONSTRAINT attendance_class_id_date_student_id_key UNIQUE (class_id, date, student_id)
);
CREATE INDEX attendance_student_id_date_idx ON attendance (student_id, date);
CREATE INDEX attendance_marked_by_idx ON attendance (marked_by);

CREATE TABLE report_cards (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    student_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    class_id text NOT NULL REFERENCES classes ON DELETE RESTRICT,
    term_id text NOT NULL REFERENCES terms ON DELETE RESTRICT,
    marks text NOT NULL CHECK (octet_length(marks) <= 262144),
    comment text NOT NULL CHECK (length(comment) BETWEEN 0 AND 4000),
    status text NOT NULL CHECK (status IN ('draft', 'finalized', 'published')),
    published_at bigint CHECK (published_at BETWEEN 0 AND 9007199254740991),
    CONSTRAINT report_cards_student_id_class_id_term_id_key UNIQUE (student_id, class_id, term_id)
);
CREATE INDEX report_cards_class_id_term_id_idx ON report_cards (class_id, term_id);
CREATE INDEX report_cards_term_id_idx ON report_cards (term_id);

CREATE TABLE announcements (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    author_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (length(body) BETWEEN 1 AND 20000),
    target_role text CHECK (target_role IN ('admin', 'parent', 'student', 'super_admin', 'teacher')),
    class_id text REFERENCES classes ON DELETE RESTRICT,
    course_id text REFERENCES courses ON DELETE RESTRICT,
    status text NOT NULL CHECK (status IN ('draft', 'published', 'scheduled')),
    publish_at bigint CHECK (publish_at BETWEEN 0 AND 9007199254740991),
    expires_at bigint CHECK (expires_at BETWEEN 0 AND 9007199254740991),
    published_at bigint CHECK (published_at BETWEEN 0 AND 9007199254740991)
);
CREATE INDEX announcements_status_publish_at_idx ON announcements (status, publish_at);
CREATE INDEX announcements_published_at_idx ON announcements (published_at);
CREATE INDEX announcements_author_id_idx ON announcements (author_id);
CREATE INDEX announcements_class_id_idx ON announcements (class_id);
CREATE INDEX announcements_course_id_idx ON announcements (course_id);

CREATE TABLE entries (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    student_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (length(body) BETWEEN 1 AND 20000),
    status text NOT NULL CHECK (status IN ('approved', 'changes_requested', 'pending', 'rejected')),
    reviewed_by text REFERENCES users ON DELETE RESTRICT,
    reviewed_at bigint CHECK (reviewed_at BETWEEN 0 AND 9007199254740991),
    history text NOT NULL CHECK (octet_length(history) <= 262144)
);
CREATE INDEX entries_student_id_status_idx ON entries (student_id, status);
CREATE INDEX entries_student_id_created_at_idx ON entries (student_id, created_at);
CREATE INDEX entries_reviewed_by_idx ON entries (reviewed_by);

CREATE TABLE comments (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    entry_id text NOT NULL REFERENCES entries ON DELETE CASCADE,
    author_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    body text NOT NULL CHECK (length(body) BETWEEN 0 AND 4000)
);
CREATE INDEX comments_entry_id_created_at_idx ON comments (entry_id, created_at);
CREATE INDEX comments_author_id_idx ON comments (author_id);

CREATE TABLE schedules (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    mentor_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    student_id text REFERENCES users ON DELETE CASCADE,
    class_id text REFERENCES classes ON DELETE CASCADE,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (length(description) BETWEEN 0 AND 4000),
    start_at bigint NOT NULL CHECK (start_at BETWEEN 0 AND 4102444800000),
    end_at bigint NOT NULL CHECK (end_at BETWEEN 0 AND 4102444800000),
    zone text NOT NULL CHECK (zone ~ '\A[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+){0,2}\Z') CHECK (length(zone) BETWEEN 0 AND 64),
    focus_stack text NOT NULL CHECK (length(focus_stack) BETWEEN 0 AND 100),
    link text CHECK (link ~ '\Ahttps://[^\s\\\x01-\x1f\"<>]+\Z') CHECK (length(link) BETWEEN 0 AND 500),
    is_group_session boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('cancelled', 'completed', 'scheduled')),
    series_id text CHECK (series_id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    series text CHECK (series ~ '\A[A-Za-z0-9=;:,+\-]+\Z') CHECK (length(series) BETWEEN 0 AND 200),
    occurrence_at bigint CHECK (occurrence_at BETWEEN 0 AND 4102444800000)
);
CREATE INDEX schedules_mentor_id_student_id_idx ON schedules (mentor_id, student_id);
CREATE INDEX schedules_mentor_id_start_at_idx ON schedules (mentor_id, start_at);
CREATE INDEX schedules_student_id_start_at_idx ON schedules (student_id, start_at);
CREATE INDEX schedules_class_id_start_at_idx ON schedules (class_id, start_at);
CREATE INDEX schedules_series_id_start_at_idx ON schedules (series_id, start_at);

CREATE TABLE tasks (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    mentor_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    student_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (length(description) BETWEEN 0 AND 4000),
    due_at bigint CHECK (due_at BETWEEN 0 AND 9007199254740991),
    status text NOT NULL CHECK (status IN ('cancelled', 'done', 'in_progress', 'pending')),
    done_at bigint CHECK (done_at BETWEEN 0 AND 9007199254740991)
);
CREATE INDEX tasks_student_id_status_idx ON tasks (student_id, status);
CREATE INDEX tasks_mentor_id_status_idx ON tasks (mentor_id, status);
CREATE INDEX tasks_student_id_due_at_idx ON tasks (student_id, due_at);

CREATE TABLE uploads (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    owner_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    declared_type text NOT NULL CHECK (declared_type ~ '\A([a-z]+/[a-z0-9.+\-]{1,100})?\Z'),
    type text NOT NULL CHECK (type ~ '\A([a-z]+/[a-z0-9.+\-]{1,100})?\Z'),
    size bigint NOT NULL CHECK (size BETWEEN 0 AND 9007199254740991),
    sha256 text NOT NULL CHECK (sha256 ~ '\A([0-9a-f]{64})?\Z'),
    status text NOT NULL CHECK (status IN ('completed', 'failed', 'receiving')),
    reason text NOT NULL CHECK (reason IN ('', 'full', 'interrupted', 'no_room', 'too_large', 'unavailable', 'unfit_content'))
);
CREATE INDEX uploads_owner_id_status_idx ON uploads (owner_id, status);

CREATE TABLE study_resources (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    author_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (length(description) BETWEEN 0 AND 4000),
    class_id text REFERENCES classes ON DELETE RESTRICT,
    course_id text REFERENCES courses ON DELETE RESTRICT,
    subject_id text REFERENCES subjects ON DELETE RESTRICT,
    upload_id text REFERENCES uploads ON DELETE RESTRICT,
    url text CHECK (url ~ '\Ahttps://[^\s\\\x01-\x1f\"<>]+\Z') CHECK (length(url) BETWEEN 0 AND 500)
);
CREATE INDEX study_resources_author_id_idx ON study_resources (author_id);
CREATE INDEX study_resources_class_id_idx ON study_resources (class_id);
CREATE INDEX study_resources_course_id_idx ON study_resources (course_id);
CREATE INDEX study_resources_subject_id_idx ON study_resources (subject_id);
CREATE INDEX study_resources_upload_id_idx ON study_resources (upload_id);

CREATE TABLE vacancies (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    department text NOT NULL CHECK (length(department) BETWEEN 0 AND 100),
    description text NOT NULL CHECK (length(description) BETWEEN 0 AND 4000),
    closes_at bigint CHECK (closes_at BETWEEN 0 AND 9007199254740991),
    status text NOT NULL CHECK (status IN ('closed', 'open'))
);
CREATE INDEX vacancies_status_created_at_idx ON vacancies (status, created_at);

CREATE TABLE applications (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    vacancy_id text NOT NULL REFERENCES vacancies ON DELETE RESTRICT,
    applicant_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    email text NOT NULL CHECK (email ~ '\A[^\s@\x01-\x1f\x7f]+@[^\s@\x01-\x1f\x7f]+\Z') CHECK (length(email) BETWEEN 0 AND 254),
    letter text NOT NULL CHECK (length(letter) BETWEEN 1 AND 20000),
    upload_id text REFERENCES uploads ON DELETE RESTRICT,
    status text NOT NULL CHECK (status IN ('accepted', 'rejected', 'reviewing', 'submitted')),
    decided_by text REFERENCES users ON DELETE RESTRICT,
    decided_at bigint CHECK (decided_at BETWEEN 0 AND 9007199254740991),
    CONSTRAINT applications_vacancy_id_applicant_id_key UNIQUE (vacancy_id, applicant_id)
);
CREATE INDEX applications_applicant_id_idx ON applications (applicant_id);
CREATE INDEX applications_decided_by_idx ON applications (decided_by);
CREATE INDEX applications_upload_id_idx ON applications (upload_id);

CREATE TABLE homepage_contents (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    section text NOT NULL CHECK (section ~ '\A[A-Za-z0-9_.\-]{1,40}\Z'),
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (length(body) BETWEEN 0 AND 20000),
    position bigint NOT NULL CHECK (position BETWEEN 0 AND 10000),
    published boolean NOT NULL,
    CONSTRAINT homepage_contents_section_key UNIQUE (section)
);

CREATE TABLE grading_tasks (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    exam_id text NOT NULL CHECK (exam_id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    student_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    question_id text NOT NULL CHECK (question_id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    assignee_id text NOT NULL REFERENCES users ON DELETE RESTRICT,
    suggestion text CHECK (octet_length(suggestion) <= 262144),
    action text CHECK (action IN ('accepted', 'adjusted', 'rejected')),
    points double precision CHECK (points BETWEEN 0 AND 10000),
    comment text NOT NULL CHECK (length(comment) BETWEEN 0 AND 4000),
    status text NOT NULL CHECK (status IN ('done', 'open')),
    reviewed_at bigint CHECK (reviewed_at BETWEEN 0 AND 9007199254740991),
    CONSTRAINT grading_tasks_exam_id_student_id_question_id_key UNIQUE (exam_id, student_id, question_id)
);
CREATE INDEX grading_tasks_assignee_id_status_idx ON grading_tasks (assignee_id, status);
CREATE INDEX grading_tasks_student_id_idx ON grading_tasks (student_id);

CREATE TABLE notification_preferences (
    id text PRIMARY KEY CHECK (id ~ '\A[A-Za-z0-9_.\-]{1,64}\Z'),
    version bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    created_at bigint NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    updated_at bigint NOT NULL CHECK (updated_at BETWEEN 0 AND 9007199254740991),
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    type text NOT NULL CHECK (type ~ '\A(?:\*|[A-Za-z][A-Za-z0-9_.\-]{0,63})\Z'),
    in_app boolean NOT NULL,
    email boolean NOT NULL,
    push boolean NOT NULL,
    sound boolean NOT NULL,
    CONSTRAINT notification_preferences_user_id_type_key UNIQUE (user_id, type)
);

extension Migration {
    /// The first schema.
    ///
    /// - What changes about a task is a row of `tasks`, kept small because every change writes it anew. What never changes is
    ///   in `task_specifications`, many tasks a row.
    /// - Tasks that are alike in status, priority, kind and project are in one bucket. A bucket knows how many tasks it has,
    ///   so counting reads no tasks, and one index serves every filter: a list is the newest of the buckets it asks for.
    /// - The events of a batch are one row.
    ///
    /// Times are milliseconds since 1970 in UTC; numbers of status, priority and type are the model's raw values.
    static let schemaV1 = Migration(
        version: 1,
        sql: """
            CREATE TABLE task_buckets (
                id INTEGER PRIMARY KEY,
                status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 11),
                priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 4),
                kind TEXT NOT NULL,
                project TEXT,
                count INTEGER NOT NULL CHECK (count >= 0)
            ) STRICT;
            CREATE UNIQUE INDEX task_buckets_by_key ON task_buckets (kind, project, priority, status);

            CREATE TABLE tasks (
                number INTEGER PRIMARY KEY CHECK (number > 0),
                id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 100),
                bucket INTEGER NOT NULL,
                created_at INTEGER NOT NULL,
                finished_at INTEGER,
                state BLOB NOT NULL
            ) STRICT;
            CREATE INDEX tasks_by_bucket ON tasks (bucket);

            CREATE TABLE task_specifications (
                first_number INTEGER PRIMARY KEY CHECK (first_number > 0),
                last_number INTEGER NOT NULL CHECK (last_number >= first_number),
                body BLOB NOT NULL
            ) STRICT;

            CREATE TABLE agents (
                number INTEGER PRIMARY KEY CHECK (number > 0),
                id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 100),
                type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 6),
                status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 8),
                created_at INTEGER NOT NULL,
                terminated_at INTEGER,
                record BLOB NOT NULL,
                CHECK ((status = 8) = (terminated_at IS NOT NULL))
            ) STRICT;
            CREATE INDEX agents_live ON agents (number) WHERE terminated_at IS NULL;
            CREATE INDEX agents_terminated ON agents (type) WHERE terminated_at IS NOT NULL;

            CREATE TABLE event_batches (
                first_sequence INTEGER PRIMARY KEY CHECK (first_sequence > 0),
                last_sequence INTEGER NOT NULL CHECK (last_sequence >= first_sequence),
                time INTEGER NOT NULL,
                body BLOB NOT NULL
            ) STRICT;

            CREATE TABLE idempotency (
                position INTEGER PRIMARY KEY,
                subject TEXT NOT NULL,
                key TEXT NOT NULL,
                fingerprint INTEGER NOT NULL,
                task TEXT NOT NULL,
                expires INTEGER NOT NULL,
                UNIQUE (subject, key)
            ) STRICT;

            CREATE VIEW task_list AS
                SELECT number, tasks.id, status, priority, kind, project, created_at, finished_at
                FROM tasks JOIN task_buckets ON task_buckets.id = bucket;
            """)
}

extension Migration {
    /// Room for what is neither task nor agent: workflows, executions, schedules and the like.
    ///
    /// One table for all kinds: each is found by identifier, listed in order of creation, alone or with the others of its
    /// parent, and read as a whole, so the columns are what lists are filtered by and the rest is one body. `key` is the
    /// kind's number in the upper bits and the entity's number below, so a kind is a range of the table.
    ///
    /// Failed tasks that nobody has seen to are in buckets of their own, marked by `flags`, so that dead letters are listed
    /// and counted like any other tasks that are alike.
    static let schemaV2 = Migration(
        version: 2,
        sql: """
            CREATE TABLE entities (
                key INTEGER PRIMARY KEY CHECK (key > 0),
                id TEXT NOT NULL,
                parent TEXT,
                status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 63),
                project TEXT,
                created_at INTEGER NOT NULL,
                ended_at INTEGER,
                body BLOB NOT NULL
            ) STRICT;
            CREATE UNIQUE INDEX entities_by_id ON entities (id, key >> 48);
            CREATE INDEX entities_by_parent ON entities (parent, key) WHERE parent IS NOT NULL;
            CREATE INDEX entities_live ON entities (key) WHERE ended_at IS NULL;

            ALTER TABLE task_buckets ADD COLUMN flags INTEGER NOT NULL DEFAULT 0 CHECK (flags BETWEEN 0 AND 255);
            DROP INDEX task_buckets_by_key;
            CREATE UNIQUE INDEX task_buckets_by_key ON task_buckets (kind, project, priority, status, flags);
            """)
}

#pragma once

#include <sqlite3.h>

// Macros and variadic functions as functions.

/// Binds bytes that stay where they are until the statement has run.
static inline int maos_sqlite_bind_blob_static(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_STATIC);
}

/// Binds text that stays where it is until the statement has run.
static inline int maos_sqlite_bind_text_static(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_text(statement, index, (const char *)bytes, count, SQLITE_STATIC);
}

/// Binds a copy of the bytes.
static inline int maos_sqlite_bind_text_copy(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_text(statement, index, (const char *)bytes, count, SQLITE_TRANSIENT);
}

/// Sets a switch of a connection, one of the SQLITE_DBCONFIG_… that take a truth value.
static inline int maos_sqlite_configure(sqlite3 *connection, int option, int value) {
    return sqlite3_db_config(connection, option, value, (int *)0);
}

/// Switches off the count of allocated memory, whose one lock all connections share; before the first connection only.
static inline int maos_sqlite_forgo_memory_statistics(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

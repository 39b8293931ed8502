#!/bin/sh
# SQL stands in .sql files only, and nothing opens a database but SQLite: closing another descriptor of
# the file would drop the process's locks on it.
. "$(dirname "$0")/lib/guard.sh"

grep -nE '"[[:space:](]*(SELECT|INSERT( OR [A-Z]+)? INTO|REPLACE INTO|UPDATE [a-z_]+|DELETE FROM|CREATE (TABLE|INDEX|UNIQUE|TRIGGER|VIRTUAL|VIEW)|DROP (TABLE|INDEX)|ALTER TABLE|PRAGMA|BEGIN( IMMEDIATE)?|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|VACUUM)([ ;"]|$)' \
    $(product_sources) | expect_none "no SQL in C"
grep -nE '(mail|directory)\.db' $(product_sources | grep -v '^lib/store/') | awk '{
        text = $0; sub(/^[^:]*:[^:]*:/, "", text)
        if (text !~ /^[[:space:]]*(\/?\*|#)/ && text ~ /"[^"]*(mail|directory)\.db/) print
    }' | expect_none "databases are named below lib/store/ only"
grep -nE '(^|[^a-z0-9_])(open|openat|fopen|stat|lstat|apr_stat|apr_file_open|apr_file_copy|sendfile|rename|unlink|apr_file_rename|apr_file_remove) *\([^)]*(mail|directory)\.db' \
    $(product_sources) | expect_none "no call touches a database file"
grep -nE 'sqlite3?\.h' $(product_sources | grep -v '^lib/store/') |
    expect_none "SQLite is used below lib/store/ only"
finish

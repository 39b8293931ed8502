-- Statements on any database of the store: settings of a connection, transactions, upkeep.

-- STMT page_size
PRAGMA page_size = 4096;

-- STMT auto_vacuum
PRAGMA auto_vacuum = INCREMENTAL;

-- STMT journal_wal
PRAGMA journal_mode = WAL;

-- STMT synchronous
PRAGMA synchronous = FULL;

-- STMT autocheckpoint
PRAGMA wal_autocheckpoint = 0;

-- STMT temp_store
PRAGMA temp_store = MEMORY;

-- STMT cache_small
PRAGMA cache_size = -4000;

-- STMT cache_large
PRAGMA cache_size = -65536;

-- STMT user_version
PRAGMA user_version;

-- STMT begin_read
BEGIN DEFERRED;

-- STMT begin_write
BEGIN IMMEDIATE;

-- STMT commit
COMMIT;

-- STMT write_over
PRAGMA application_id = 0;

-- STMT rollback
ROLLBACK;

-- STMT savepoint
SAVEPOINT request;

-- STMT savepoint_release
RELEASE request;

-- STMT savepoint_undo
ROLLBACK TO request;

-- STMT freelist_count
PRAGMA freelist_count;

-- STMT vacuum_some
PRAGMA incremental_vacuum(2000);

-- STMT integrity
PRAGMA integrity_check(100);

-- STMT reindex
REINDEX;

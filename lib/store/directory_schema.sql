-- Schema of directory.db, see STRUCTURE. A released step is never edited: add another.

-- STEP 1
CREATE TABLE domain (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;
CREATE TABLE account (
    name TEXT PRIMARY KEY,
    domain TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    real_name TEXT,
    verifier TEXT NOT NULL,
    quota INTEGER NOT NULL,
    enabled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX account_domain ON account (domain, name);
PRAGMA user_version = 1;

-- STEP 2
-- A hint of whose outbox is to be looked at, and when; account '' stands for all.
CREATE TABLE outbox (
    account TEXT PRIMARY KEY,
    due INTEGER NOT NULL,
    stamp INTEGER NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = 2;

-- Schema of <account>/mail.db, see STRUCTURE. A released step is never edited: add another.

-- STEP 1
-- The account's own counters; one row.
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    modseq INTEGER NOT NULL,
    uid_validity INTEGER NOT NULL,
    next_mailbox INTEGER NOT NULL,
    next_blob INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    quota INTEGER NOT NULL
);
CREATE TABLE login (
    kind INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    address TEXT NOT NULL
);
CREATE TABLE pref (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    class TEXT NOT NULL,
    pure INTEGER NOT NULL,
    uid_validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    media INTEGER NOT NULL,
    unseen_media INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    epoch INTEGER NOT NULL
);
-- id = mailbox << 32 | uid; gone is NULL while the message is there.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    created INTEGER NOT NULL,
    gone INTEGER,
    modseq INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    size INTEGER NOT NULL,
    internal_date INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    date INTEGER NOT NULL,
    key_from TEXT NOT NULL,
    key_to TEXT NOT NULL,
    key_subject TEXT NOT NULL,
    fields BLOB NOT NULL
);
CREATE INDEX message_uid ON message (mailbox, uid, created, gone);
CREATE INDEX message_internal_date ON message (mailbox, internal_date, uid, created, gone);
CREATE INDEX message_date ON message (mailbox, date, uid, created, gone);
CREATE INDEX message_size ON message (mailbox, size, uid, created, gone);
CREATE INDEX message_from ON message (mailbox, key_from, uid, created, gone);
CREATE INDEX message_to ON message (mailbox, key_to, uid, created, gone);
CREATE INDEX message_subject ON message (mailbox, key_subject, uid, created, gone);
CREATE INDEX message_modseq ON message (mailbox, modseq);
CREATE INDEX message_blob ON message (blob, mailbox) WHERE gone IS NULL;
CREATE INDEX message_gone ON message (mailbox, gone) WHERE gone IS NOT NULL;
CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    refs INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,
    structure BLOB NOT NULL
);
-- The raw bytes in pieces; id = blob << 16 | number of the piece.
CREATE TABLE raw (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);
-- The blocks of each order.
CREATE TABLE rank (
    mailbox INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    key NOT NULL,
    uid INTEGER NOT NULL,
    live INTEGER NOT NULL,
    PRIMARY KEY (mailbox, kind, key, uid)
) WITHOUT ROWID;
PRAGMA user_version = 1;

-- STEP 2
-- The newest numbered batch of each session that wrote here, and how many of its requests that answered.
CREATE TABLE batch (
    session INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    step INTEGER NOT NULL,
    time INTEGER NOT NULL
);
-- AUTOINCREMENT: sessions remember the newest id they have shown, so none comes again.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    text TEXT NOT NULL
);
PRAGMA user_version = 2;

-- STEP 3
-- Mail to be sent: a message and a row for each recipient who is left. AUTOINCREMENT: both ids name deliveries, so
-- none comes again.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    blob INTEGER NOT NULL,
    time INTEGER NOT NULL,
    sender TEXT NOT NULL
);
CREATE INDEX outbox_blob ON outbox (blob);
CREATE TABLE outbox_recipient (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    outbox INTEGER NOT NULL,
    notify INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    report INTEGER NOT NULL,
    address TEXT NOT NULL,
    status TEXT NOT NULL,
    text TEXT NOT NULL,
    remote TEXT NOT NULL
);
CREATE INDEX outbox_recipient_outbox ON outbox_recipient (outbox);
CREATE INDEX outbox_recipient_due ON outbox_recipient (due) WHERE state <> 2;
-- The hour in which submissions are counted; one row.
CREATE TABLE submission (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hour INTEGER NOT NULL,
    messages INTEGER NOT NULL
);
-- form: 0 text, 1 XML of an array or dictionary.
ALTER TABLE pref ADD COLUMN form INTEGER NOT NULL DEFAULT 0;
-- File storage. directory: the name of the directory it is in, '' at the top; content: NULL for a directory.
CREATE TABLE file (
    directory TEXT NOT NULL,
    name TEXT NOT NULL,
    content INTEGER UNIQUE,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (directory, name)
) WITHOUT ROWID;
-- The bytes in pieces; id = content << 16 | number of the piece.
CREATE TABLE file_data (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);
CREATE TABLE file_subscription (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;
-- Counters of the file storage; one row.
CREATE TABLE file_storage (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next_content INTEGER NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
INSERT INTO file_storage (id, next_content, files, bytes) VALUES (1, 1, 0, 0);
INSERT INTO file (directory, name, content, size, modified, attributes)
VALUES ('', 'private', NULL, 0, CAST(strftime('%s', 'now') AS INTEGER), '');
-- What accounts of this server sent here; a delivery is done once by its key.
CREATE TABLE delivery (
    origin TEXT NOT NULL,
    number INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (origin, number, recipient)
) WITHOUT ROWID;
CREATE INDEX delivery_time ON delivery (time);
-- Views of a smaller modseq are void: the tombstones that they need are purged.
ALTER TABLE mailbox ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 3;

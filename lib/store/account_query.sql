-- Statements on an account's mail.db. Those of one family stand in the order of ximss_order_t.

-- STMT account_insert
INSERT INTO account (id, modseq, uid_validity, next_mailbox, next_blob, bytes, quota)
VALUES (1, 0, ?1, 1, 1, 0, ?2);

-- STMT account_get
SELECT bytes, quota, modseq, next_blob, next_mailbox, uid_validity FROM account;

-- STMT account_set
UPDATE account SET bytes = ?1, quota = ?2, modseq = ?3, next_blob = ?4, next_mailbox = ?5,
    uid_validity = ?6;

-- STMT login_get
SELECT time, address FROM login WHERE kind = ?1;

-- STMT login_put
INSERT INTO login (kind, time, address) VALUES (?1, ?2, ?3)
ON CONFLICT (kind) DO UPDATE SET time = excluded.time, address = excluded.address;

-- STMT pref_get
SELECT value FROM pref WHERE name = ?1 AND form = 0;

-- STMT pref_list
SELECT name, value, form FROM pref ORDER BY name;

-- STMT pref_put
INSERT INTO pref (name, value, form) VALUES (?2, ?3, ?1)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, form = excluded.form;

-- STMT pref_total
SELECT count(*), ifnull(sum(length(CAST(name AS BLOB)) + length(CAST(value AS BLOB))), 0) FROM pref;

-- STMT pref_delete
DELETE FROM pref WHERE name = ?1;

-- STMT batch_get
SELECT seq, step FROM batch WHERE session = ?1;

-- STMT batch_set
UPDATE batch SET seq = ?2, step = ?3, time = ?4 WHERE session = ?1;

-- STMT batch_insert
INSERT INTO batch (session, seq, step, time) VALUES (?1, ?2, ?3, ?4);

-- STMT batch_purge
DELETE FROM batch WHERE time < ?1;

-- STMT alert_insert
INSERT INTO alert (time, confirmed, text) VALUES (?1, 0, ?2);

-- STMT alert_purge
DELETE FROM alert WHERE confirmed AND time < ?1;

-- STMT alert_list
SELECT id, time, confirmed, text FROM alert WHERE id > ?1 ORDER BY id;

-- STMT alert_confirm
UPDATE alert SET confirmed = 1 WHERE id <= ?1 AND NOT confirmed;

-- STMT outbox_insert
INSERT INTO outbox (blob, time, sender) VALUES (?1, ?2, ?3);

-- STMT outbox_recipient_insert
INSERT INTO outbox_recipient
    (outbox, notify, due, address, state, attempts, report, status, text, remote)
VALUES (?1, ?2, ?3, ?4, 0, 0, 0, '', '', '');

-- STMT outbox_list_due
SELECT id, blob, time, sender, (SELECT size FROM blob WHERE id = outbox.blob) FROM outbox
WHERE id IN (SELECT outbox FROM outbox_recipient WHERE due <= ?1 AND state <> 2)
ORDER BY id;

-- STMT outbox_list
SELECT id, blob, time, sender, (SELECT size FROM blob WHERE id = outbox.blob) FROM outbox ORDER BY id;

-- STMT outbox_recipients
SELECT id, notify, state, attempts, due, report, address, status, text, remote FROM outbox_recipient
WHERE outbox = ?1 ORDER BY id;

-- STMT outbox_recipient_save
UPDATE outbox_recipient SET state = ?2, attempts = ?3, due = ?4, report = ?5, status = ?6, text = ?7,
    remote = ?8
WHERE id = ?1;

-- STMT outbox_recipient_message
SELECT outbox FROM outbox_recipient WHERE id = ?1;

-- STMT outbox_recipient_delete
DELETE FROM outbox_recipient WHERE id = ?1;

-- STMT outbox_empty
SELECT blob FROM outbox
WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM outbox_recipient WHERE outbox = ?1);

-- STMT outbox_delete
DELETE FROM outbox WHERE id = ?1;

-- STMT outbox_due
SELECT due FROM outbox_recipient WHERE state <> 2 ORDER BY due LIMIT 1;

-- STMT submission_get
SELECT hour, messages FROM submission;

-- STMT submission_put
INSERT INTO submission (id, hour, messages) VALUES (1, ?1, ?2)
ON CONFLICT (id) DO UPDATE SET hour = excluded.hour, messages = excluded.messages;

-- STMT file_find
SELECT content, size, modified, attributes FROM file WHERE directory = ?1 AND name = ?2;

-- STMT file_list
SELECT name, content, size, modified FROM file WHERE directory = ?3 ORDER BY name
LIMIT ?2 OFFSET ?1;

-- STMT file_total
SELECT count(content), total(size) FROM file
WHERE directory = ?1 OR (directory >= ?1 || '/' AND directory < ?1 || '0');

-- STMT file_directories
SELECT count(*) FROM file WHERE content IS NULL;

-- STMT file_put
INSERT INTO file (directory, name, content, size, modified, attributes)
VALUES (?4, ?5, ?1, ?2, ?3, '')
ON CONFLICT (directory, name) DO UPDATE SET content = excluded.content, size = excluded.size,
    modified = excluded.modified;

-- STMT file_delete
DELETE FROM file WHERE directory = ?1 AND name = ?2;

-- STMT file_move
UPDATE file SET directory = ?3, name = ?4 WHERE directory = ?1 AND name = ?2;

-- STMT file_move_below
UPDATE file SET directory = ?2 || substr(directory, length(?1) + 1)
WHERE directory = ?1 OR (directory >= ?1 || '/' AND directory < ?1 || '0');

-- STMT file_longest
SELECT ifnull(max(length(CAST(directory || '/' || name AS BLOB))), 0),
    ifnull(max(length(directory) - length(replace(directory, '/', ''))), 0) + 2
FROM file WHERE directory = ?1 OR (directory >= ?1 || '/' AND directory < ?1 || '0');

-- STMT file_attributes
UPDATE file SET attributes = ?3 WHERE directory = ?1 AND name = ?2;

-- STMT file_storage_get
SELECT next_content, files, bytes FROM file_storage;

-- STMT file_storage_set
UPDATE file_storage SET next_content = ?1, files = ?2, bytes = ?3;

-- STMT file_data_insert
INSERT INTO file_data (id, data) VALUES (?1, ?2);

-- STMT file_data_read
SELECT data FROM file_data WHERE id = ?1;

-- STMT file_data_delete
DELETE FROM file_data WHERE id >= ?1 << 16 AND id < (?1 + 1) << 16;

-- STMT file_subscription_list
SELECT name FROM file_subscription ORDER BY name;

-- STMT file_subscription_put
INSERT OR IGNORE INTO file_subscription (name) VALUES (?1);

-- STMT file_subscription_delete
DELETE FROM file_subscription WHERE name = ?1;

-- STMT delivery_purge
DELETE FROM delivery WHERE time < ?1;

-- STMT delivery_insert
INSERT INTO delivery (number, time, origin, recipient) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO NOTHING;

-- STMT mailbox_by_name
SELECT id, name, class, pure, uid_validity, uid_next, messages, unseen, bytes, media, unseen_media,
    modseq, epoch, purged
FROM mailbox WHERE name = ?1;

-- STMT mailbox_by_id
SELECT id, name, class, pure, uid_validity, uid_next, messages, unseen, bytes, media, unseen_media,
    modseq, epoch, purged
FROM mailbox WHERE id = ?1;

-- STMT mailbox_list
SELECT id, name, class, pure, uid_validity, uid_next, messages, unseen, bytes, media, unseen_media,
    modseq, epoch, purged,
    (SELECT internal_date FROM message INDEXED BY message_internal_date
     WHERE mailbox = mailbox.id AND gone IS NULL ORDER BY internal_date LIMIT 1)
FROM mailbox ORDER BY name <> 'INBOX', name;

-- STMT mailbox_insert
INSERT INTO mailbox (id, name, class, pure, uid_validity, uid_next, messages, unseen, bytes, media,
    unseen_media, modseq, epoch)
VALUES (?1, ?2, ?3, ?4, ?5, 1, 0, 0, 0, 0, 0, ?6, 1);

-- STMT mailbox_fill
UPDATE mailbox SET pure = 0, class = ?2 WHERE id = ?1;

-- STMT mailbox_name
UPDATE mailbox SET name = ?2 WHERE id = ?1;

-- STMT mailbox_children
SELECT id, name, pure FROM mailbox WHERE name >= ?1 || '/' AND name < ?1 || '0' ORDER BY name;

-- STMT mailbox_longest_child
SELECT max(length(CAST(name AS BLOB))) FROM mailbox
WHERE name >= ?1 || '/' AND name < ?1 || '0';

-- STMT mailbox_move_children
UPDATE mailbox SET name = ?2 || substr(name, length(?1) + 1)
WHERE name >= ?1 || '/' AND name < ?1 || '0';

-- STMT mailbox_delete
DELETE FROM mailbox WHERE id = ?1;

-- STMT mailbox_uid_next
SELECT uid_next FROM mailbox WHERE id = ?1 AND NOT pure;

-- STMT mailbox_adjust
UPDATE mailbox SET messages = messages + ?2, unseen = unseen + ?3, bytes = bytes + ?4,
    media = media + ?5, unseen_media = unseen_media + ?6, modseq = ?7, uid_next = uid_next + ?8
WHERE id = ?1;

-- STMT blob_by_sha256
SELECT id FROM blob WHERE sha256 = ?1;

-- STMT blob_insert
INSERT INTO blob (id, refs, size, sha256, structure) VALUES (?1, 1, ?2, ?3, ?4);

-- STMT blob_hold
UPDATE blob SET refs = refs + 1 WHERE id = ?1;

-- STMT blob_drop
UPDATE blob SET refs = refs - 1 WHERE id = ?1 RETURNING refs;

-- STMT blob_delete
DELETE FROM blob WHERE id = ?1;

-- STMT blob_structure
SELECT structure FROM blob WHERE id = ?1;

-- STMT blob_size
SELECT size FROM blob WHERE id = ?1;

-- STMT raw_insert
INSERT INTO raw (id, data) VALUES (?1, ?2);

-- STMT raw_read
SELECT data FROM raw WHERE id = ?1;

-- STMT raw_length
SELECT length(data) FROM raw WHERE id = ?1;

-- STMT raw_delete
DELETE FROM raw WHERE id >= ?1 << 16 AND id < (?1 + 1) << 16;

-- STMT message_insert
INSERT INTO message (id, mailbox, uid, blob, created, modseq, flags, keywords, size, internal_date,
    stored, date, key_from, key_to, key_subject, fields)
VALUES (?1 << 32 | ?2, ?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14);

-- STMT message_copy
INSERT INTO message (id, mailbox, uid, blob, created, modseq, flags, keywords, size, internal_date,
    stored, date, key_from, key_to, key_subject, fields)
SELECT ?2 << 32 | ?3, ?2, ?3, blob, ?4, ?4, flags, keywords, size, internal_date,
    ?5, date, key_from, key_to, key_subject, fields
FROM message WHERE id = ?1;

-- STMT message_known
SELECT 1 FROM message WHERE blob = ?1 AND mailbox = ?2 AND gone IS NULL LIMIT 1;

-- STMT message_row
SELECT uid, flags, keywords, size, internal_date, stored, date, created, gone, modseq, blob, fields,
    key_from, key_to, key_subject
FROM message WHERE id = ?1;

-- STMT message_scan
SELECT uid, flags, keywords, size, internal_date, stored, date, created, gone, modseq, blob, fields,
    key_from, key_to, key_subject
FROM message
WHERE id >= ?1 << 32 | ?3 AND id < (?1 + 1) << 32
    AND created <= ?2 AND (gone IS NULL OR gone > ?2)
ORDER BY id;

-- STMT message_changes
SELECT uid, flags, keywords, size, internal_date, stored, date, created, gone, modseq, blob, fields,
    key_from, key_to, key_subject
FROM message INDEXED BY message_modseq
WHERE mailbox = ?1 AND modseq > ?2
ORDER BY uid;

-- STMT message_live
SELECT uid, flags, keywords, blob, size, internal_date, date, key_from, key_to, key_subject
FROM message WHERE id = ?1 AND gone IS NULL;

-- STMT message_flags
UPDATE message SET flags = ?2, keywords = ?3, modseq = ?4 WHERE id = ?1;

-- STMT message_bury
UPDATE message SET gone = ?2, modseq = ?2, fields = x'' WHERE id = ?1;

-- STMT purge_next
-- The next mailbox that has tombstones.
SELECT mailbox FROM message INDEXED BY message_gone
WHERE gone IS NOT NULL AND mailbox > ?1 ORDER BY mailbox LIMIT 1;

-- STMT purge_count
SELECT count(*) FROM (SELECT 1 FROM message INDEXED BY message_gone
    WHERE gone IS NOT NULL AND mailbox = ?1 AND gone <= ?2 LIMIT ?3);

-- STMT purge_rows
DELETE FROM message WHERE id IN (SELECT id FROM message INDEXED BY message_gone
    WHERE gone IS NOT NULL AND mailbox = ?1 AND gone <= ?2 ORDER BY gone LIMIT ?3);

-- STMT purge_mark
UPDATE mailbox SET purged = max(purged, ?2) WHERE id = ?1;

-- STMT message_blobs
SELECT blob FROM message WHERE id >= ?1 << 32 AND id < (?1 + 1) << 32 AND gone IS NULL;

-- STMT message_delete_all
DELETE FROM message WHERE id >= ?1 << 32 AND id < (?1 + 1) << 32;

-- STMT rank_find
SELECT key, uid, live FROM rank
WHERE mailbox = ?1 AND kind = ?2 AND (key, uid) <= (?3, ?4)
ORDER BY key DESC, uid DESC LIMIT 1;

-- STMT rank_insert
INSERT INTO rank (mailbox, kind, key, uid, live) VALUES (?1, ?2, ?3, ?4, ?5);

-- STMT rank_set
UPDATE rank SET live = ?5 WHERE mailbox = ?1 AND kind = ?2 AND key = ?3 AND uid = ?4;

-- STMT rank_delete
DELETE FROM rank WHERE mailbox = ?1 AND kind = ?2 AND key = ?3 AND uid = ?4;

-- STMT rank_delete_all
DELETE FROM rank WHERE mailbox = ?1;

-- STMT rank_list
SELECT key, uid, live FROM rank WHERE mailbox = ?1 AND kind = ?2 ORDER BY key, uid;

-- STMT uids_uid
SELECT uid FROM message INDEXED BY message_uid
WHERE mailbox = ?1 AND uid >= ?3 AND created <= ?4 AND (gone IS NULL OR gone > ?4)
ORDER BY uid LIMIT ?5 OFFSET ?6;

-- STMT uids_internal_date
SELECT uid FROM message INDEXED BY message_internal_date
WHERE mailbox = ?1 AND (internal_date, uid) >= (?2, ?3) AND created <= ?4 AND (gone IS NULL OR gone > ?4)
ORDER BY internal_date, uid LIMIT ?5 OFFSET ?6;

-- STMT uids_date
SELECT uid FROM message INDEXED BY message_date
WHERE mailbox = ?1 AND (date, uid) >= (?2, ?3) AND created <= ?4 AND (gone IS NULL OR gone > ?4)
ORDER BY date, uid LIMIT ?5 OFFSET ?6;

-- STMT uids_size
SELECT uid FROM message INDEXED BY message_size
WHERE mailbox = ?1 AND (size, uid) >= (?2, ?3) AND created <= ?4 AND (gone IS NULL OR gone > ?4)
ORDER BY size, uid LIMIT ?5 OFFSET ?6;

-- STMT uids_from
SELECT uid FROM message INDEXED BY message_from
WHERE mailbox = ?1 AND (key_from, uid) >= (?2, ?3) AND created <= ?4 AND (gone IS NULL OR gone > ?4)
ORDER BY key_from, uid LIMIT ?5 OFFSET ?6;

-- STMT uids_to
SELECT uid FROM message INDEXED BY message_to
WHERE mailbox = ?1 AND (key_to, uid) >= (?2, ?3) AND created <= ?4 AND (gone IS NULL OR gone > ?4)
ORDER BY key_to, uid LIMIT ?5 OFFSET ?6;

-- STMT uids_subject
SELECT uid FROM message INDEXED BY message_subject
WHERE mailbox = ?1 AND (key_subject, uid) >= (?2, ?3) AND created <= ?4 AND (gone IS NULL OR gone > ?4)
ORDER BY key_subject, uid LIMIT ?5 OFFSET ?6;

-- STMT live_uid
SELECT uid, uid FROM message INDEXED BY message_uid
WHERE mailbox = ?1 AND uid >= ?3 AND gone IS NULL
ORDER BY uid LIMIT ?5 OFFSET ?6;

-- STMT live_internal_date
SELECT internal_date, uid FROM message INDEXED BY message_internal_date
WHERE mailbox = ?1 AND (internal_date, uid) >= (?2, ?3) AND gone IS NULL
ORDER BY internal_date, uid LIMIT ?5 OFFSET ?6;

-- STMT live_date
SELECT date, uid FROM message INDEXED BY message_date
WHERE mailbox = ?1 AND (date, uid) >= (?2, ?3) AND gone IS NULL
ORDER BY date, uid LIMIT ?5 OFFSET ?6;

-- STMT live_size
SELECT size, uid FROM message INDEXED BY message_size
WHERE mailbox = ?1 AND (size, uid) >= (?2, ?3) AND gone IS NULL
ORDER BY size, uid LIMIT ?5 OFFSET ?6;

-- STMT live_from
SELECT key_from, uid FROM message INDEXED BY message_from
WHERE mailbox = ?1 AND (key_from, uid) >= (?2, ?3) AND gone IS NULL
ORDER BY key_from, uid LIMIT ?5 OFFSET ?6;

-- STMT live_to
SELECT key_to, uid FROM message INDEXED BY message_to
WHERE mailbox = ?1 AND (key_to, uid) >= (?2, ?3) AND gone IS NULL
ORDER BY key_to, uid LIMIT ?5 OFFSET ?6;

-- STMT live_subject
SELECT key_subject, uid FROM message INDEXED BY message_subject
WHERE mailbox = ?1 AND (key_subject, uid) >= (?2, ?3) AND gone IS NULL
ORDER BY key_subject, uid LIMIT ?5 OFFSET ?6;

-- What checking and repairing need.

-- STMT check_blob
SELECT id, refs, size, sha256, structure,
    (SELECT count(*) FROM message WHERE blob = blob.id AND gone IS NULL)
        + (SELECT count(*) FROM outbox WHERE blob = blob.id)
FROM blob WHERE id > ?1 ORDER BY id LIMIT 1;

-- STMT check_orphans
SELECT count(*) FROM message
WHERE gone IS NULL AND NOT EXISTS (SELECT 1 FROM blob WHERE id = message.blob);

-- STMT check_outbox
SELECT
    (SELECT count(*) FROM outbox WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = outbox.blob)),
    (SELECT count(*) FROM outbox
        WHERE NOT EXISTS (SELECT 1 FROM outbox_recipient WHERE outbox = outbox.id)),
    (SELECT count(*) FROM outbox_recipient AS row
        WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE id = row.outbox));

-- STMT repair_outbox
DELETE FROM outbox WHERE NOT EXISTS (SELECT 1 FROM outbox_recipient WHERE outbox = outbox.id);

-- STMT repair_outbox_recipients
DELETE FROM outbox_recipient WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE id = outbox_recipient.outbox);

-- STMT check_pieces
SELECT count(*) FROM raw WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = raw.id >> 16);

-- STMT check_counters
SELECT count(*), total(NOT flags & 1), total(size), total((flags & 512) <> 0),
    total((flags & 512) <> 0 AND NOT flags & 1)
FROM message WHERE mailbox = ?1 AND gone IS NULL;

-- STMT check_highest
SELECT ifnull(max(uid), 0), ifnull(max(modseq), 0) FROM message WHERE mailbox = ?1;

-- STMT check_account
SELECT bytes, next_mailbox, next_blob, modseq,
    (SELECT total(bytes) FROM mailbox) + (SELECT total(size) FROM file),
    (SELECT ifnull(max(id), 0) FROM mailbox), (SELECT ifnull(max(id), 0) FROM blob),
    (SELECT ifnull(max(modseq), 0) FROM mailbox)
FROM account;

-- STMT check_file_pieces
-- Of each file: all pieces but the last are whole, and they give its size.
SELECT directory || iif(directory = '', '', '/') || name FROM file
WHERE content IS NOT NULL AND (size, (size + 262143) / 262144) <>
    (SELECT ifnull(sum(length(data)), 0), ifnull(max(id) - (content << 16) + 1, 0) FROM file_data
     WHERE id >= content << 16 AND id < (content + 1) << 16 AND length(data) <= 262144);

-- STMT check_file_orphans
SELECT count(*) FROM file_data WHERE NOT EXISTS (SELECT 1 FROM file WHERE content = id >> 16);

-- STMT check_file_directories
SELECT count(*) FROM file AS entry
WHERE directory <> '' AND NOT EXISTS (
    SELECT 1 FROM file WHERE content IS NULL
        AND directory || iif(directory = '', '', '/') || name = entry.directory);

-- STMT check_file_storage
SELECT files = (SELECT count(content) FROM file) AND bytes = (SELECT total(size) FROM file)
    AND next_content > (SELECT ifnull(max(content), 0) FROM file)
FROM file_storage;

-- STMT repair_file_orphans
DELETE FROM file_data WHERE NOT EXISTS (SELECT 1 FROM file WHERE content = id >> 16);

-- STMT repair_file_directories
-- One level at a time: the directory of each entry that has none. rtrim leaves what ends with the last slash.
INSERT OR IGNORE INTO file (directory, name, content, size, modified, attributes)
SELECT DISTINCT rtrim(rtrim(directory, replace(directory, '/', '')), '/'),
    substr(directory, length(rtrim(directory, replace(directory, '/', ''))) + 1),
    NULL, 0, 0, ''
FROM file WHERE directory <> '';

-- STMT repair_file_storage
UPDATE file_storage SET files = (SELECT count(content) FROM file),
    bytes = (SELECT total(size) FROM file),
    next_content = max(next_content, (SELECT ifnull(max(content), 0) + 1 FROM file));

-- STMT check_lost
SELECT blob FROM (
    SELECT blob FROM message WHERE blob > ?1 AND gone IS NULL
    UNION ALL SELECT blob FROM outbox WHERE blob > ?1) AS named
WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = named.blob)
    AND EXISTS (SELECT 1 FROM raw WHERE id = named.blob << 16)
ORDER BY blob LIMIT 1;

-- STMT repair_lost
INSERT INTO blob (id, refs, size, sha256, structure)
SELECT ?1, 1, sum(length(data)), randomblob(32), x'' FROM raw
WHERE id >= ?1 << 16 AND id < (?1 + 1) << 16;

-- STMT repair_sha256
-- Bytes that came again meanwhile keep their own row; this one stays known as altered.
UPDATE OR IGNORE blob SET sha256 = ?2 WHERE id = ?1;

-- STMT repair_pieces
DELETE FROM raw WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = raw.id >> 16);

-- STMT repair_refs
UPDATE blob SET refs = ?2 WHERE id = ?1;

-- STMT repair_blob
UPDATE blob SET size = ?2, structure = ?3 WHERE id = ?1;

-- STMT repair_rows
UPDATE message SET size = ?2, date = ifnull(?3, internal_date), key_from = ?4, key_to = ?5,
    key_subject = ?6, fields = ?7
WHERE blob = ?1 AND gone IS NULL;

-- STMT repair_mailbox
UPDATE mailbox SET messages = ?2, unseen = ?3, bytes = ?4, media = ?5, unseen_media = ?6,
    uid_next = max(uid_next, ?7 + 1), modseq = max(modseq, ?8), epoch = epoch + 1
WHERE id = ?1;

-- STMT repair_account
UPDATE account SET bytes = ?1, next_mailbox = max(next_mailbox, ?2 + 1),
    next_blob = max(next_blob, ?3 + 1), modseq = max(modseq, ?4);

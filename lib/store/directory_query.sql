-- Statements on directory.db.

-- STMT domain_insert
INSERT INTO domain (name) VALUES (?1) ON CONFLICT DO NOTHING;

-- STMT domain_delete
DELETE FROM domain WHERE name = ?1;

-- STMT domain_list
SELECT name FROM domain ORDER BY name;

-- STMT domain_exists
SELECT 1 FROM domain WHERE name = ?1;

-- STMT domain_used
SELECT 1 FROM account WHERE domain = ?1 LIMIT 1;

-- STMT account_insert
INSERT INTO account (name, domain, id, real_name, verifier, quota, enabled)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT DO NOTHING;

-- STMT account_find
SELECT id, name, real_name, verifier, quota, enabled FROM account WHERE name = ?1;

-- STMT account_list
SELECT id, name, real_name, verifier, quota, enabled FROM account ORDER BY name;

-- STMT account_list_domain
SELECT id, name, real_name, verifier, quota, enabled FROM account WHERE domain = ?1 ORDER BY name;

-- STMT account_update
UPDATE account SET real_name = ?2, verifier = ?3, quota = ?4, enabled = ?5 WHERE name = ?1;

-- STMT account_rename
UPDATE OR IGNORE account SET name = ?2, domain = ?3 WHERE name = ?1;

-- STMT account_delete
DELETE FROM account WHERE name = ?1;

-- STMT outbox_get
SELECT due, stamp FROM outbox WHERE account = ?1;

-- STMT outbox_put
INSERT INTO outbox (account, due, stamp) VALUES (?1, ?2, ?3)
ON CONFLICT (account) DO UPDATE SET due = min(due, excluded.due), stamp = excluded.stamp;

-- STMT outbox_list
SELECT account, due, stamp FROM outbox WHERE due <= ?1 ORDER BY account;

-- STMT outbox_settle
UPDATE outbox SET due = ?4 WHERE account = ?1 AND due = ?2 AND stamp = ?3;

-- STMT outbox_delete
DELETE FROM outbox WHERE account = ?1 AND due = ?2 AND stamp = ?3;

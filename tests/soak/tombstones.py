"""Prints what a data folder has of tombstones: of each INBOX, how many rows, and the modseq up to which they were purged.
No server may run on it."""

import glob
import sqlite3
import sys

for path in sorted(glob.glob(sys.argv[1] + "/accounts/*/mail.db")):
    database = sqlite3.connect(path)
    live, gone, purged = database.execute(
        "SELECT count(*), count(gone), (SELECT purged FROM mailbox WHERE id = message.mailbox) FROM message"
        " WHERE mailbox = (SELECT id FROM mailbox WHERE name = 'INBOX')").fetchone()
    print("# INBOX: %d rows, %d tombstones, purged up to %d" % (live, gone, purged))
    database.close()

/* Events of sessions in shared memory: which open folders changed, what else is to be told. Whoever tells takes no
 * lock and allocates nothing. */
#ifndef XIMSS_SESSION_EVENT_H
#define XIMSS_SESSION_EVENT_H

#include "session/table.h"

/* An open folder as its watch knows it. */
typedef struct ximss_watch_t {
    apr_uint64_t key; /* of the folder's name */
    apr_int64_t mailbox;
    apr_uint64_t counter; /* of changes, as of before the folder's view was read */
} ximss_watch_t;

/* The key of a folder's name. */
apr_uint64_t ximss_watch_key(const char *folder);

/* Before the mailbox is read for a new view of the folder of KEY, and before it is closed: no tombstone of the account
 * is purged until ximss_watch_settle. Returns 0 when too many folders are watched. */
int ximss_watch_hold(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key);

/* The keys of the folders that are held, to KEYS, which has room for XIMSS_WATCH_MOST; returns how many. */
int ximss_watch_held(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t *keys);

/* The folder of KEY has a view of MAILBOX as of MODSEQ again, and its file tells so. */
void ximss_watch_settle(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key,
                        apr_int64_t mailbox, apr_int64_t modseq);

/* The smallest modseq of the views of MAILBOX in all sessions of the account, APR_INT64_MAX when there is none,
 * XIMSS_VIEW_CHANGING while a folder of the account is held. Any process. Views that are made from what is read
 * after this call began are not counted, so nobody may change the account meanwhile. */
#define XIMSS_VIEW_CHANGING (-1)
apr_int64_t ximss_event_oldest_view(ximss_table_t *table, const char *account_id,
                                    apr_int64_t mailbox);

/* Watches a folder of the locked SESSION, anew if it is watched already: its client knows all changes up to
 * WATCH->counter. Returns 0 when too many are watched. */
int ximss_watch_set(ximss_table_t *table, const ximss_session_t *session,
                    const ximss_watch_t *watch);

/* Ends that of KEY. */
void ximss_watch_remove(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key);

/* Has the client told about the folder of KEY, unless it knows that it must sync. */
void ximss_watch_notify(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key);

/* The watches of SESSION: those whose client is to be told when PENDING, else those whose client need not be
 * told so far. Written to WATCHES, which has room for XIMSS_WATCH_MOST; returns how many. */
int ximss_watch_list(ximss_table_t *table, const ximss_session_t *session, int pending,
                     ximss_watch_t *watches);

/* The client was told about the folder of KEY: no more until it syncs. */
void ximss_watch_told(ximss_table_t *table, const ximss_session_t *session, apr_uint64_t key);

/* COUNT mailboxes of the account changed, COUNT < 0: any may have. Wakes the polls of all sessions that have one
 * open, and of all where one of the numbers is 0: that is no mailbox but the whole account; any process. */
void ximss_event_changed(ximss_table_t *table, const char *account_id, const apr_int64_t *mailboxes,
                         int count);

/* Whether the server ended the session of URL_ID and nobody was told so far: true once. *SEQ is the respSeq of
 * the batch that tells it. */
int ximss_event_take_bye(ximss_table_t *table, const char *url_id, apr_int64_t *seq);

/* Locks the session of URL_ID if it is free, as ximss_session_lock does. *BUSY is set when it is not: then its
 * poll is woken when it is unlocked. */
const ximss_error_t *ximss_event_lock(ximss_session_t **session, ximss_table_t *table,
                                      const char *url_id, int *busy, apr_pool_t *pool);

#endif

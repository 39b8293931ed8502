/* The layout of the session table in shared memory; only lib/session sees it. Everything is found by slot
 * number: the segment may lie at another address in each process. */
#ifndef XIMSS_SESSION_SLOT_H
#define XIMSS_SESSION_SLOT_H

#include "session/table.h"
#include "session/waker.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    XIMSS_SLOT_WAITERS = 2,     /* requests that may wait for one session */
    XIMSS_SLOT_MAX = 999999,    /* slots: the urlID has six digits for the number */
    XIMSS_SLOT_ALLOC_MS = 2000, /* longest wait for the allocation mutex */
    XIMSS_SLOT_FOLDER_MAX = 64  /* "/s<slot>-<generation>" */
};

/* A slot is FREE, or MAKING while its creator holds the mutex, or LIVE. A MAKING slot whose mutex is not
 * held was left by a creator that died. */
typedef enum ximss_slot_state_t {
    XIMSS_SLOT_FREE,
    XIMSS_SLOT_MAKING,
    XIMSS_SLOT_LIVE
} ximss_slot_state_t;

/* The newest wait in one word, so that whoever begins one knows whom it ends and whoever has an event knows whom to
 * wake: its number (20 bits), the place of its process in the waker (12 bits, 0: it blocks), the second of
 * the table's clock when it ends (32 bits, 0: it is over). */
#define XIMSS_POLL_MAKE(number, place, until)                                                      \
    ((apr_uint64_t)(number) << 44 | (apr_uint64_t)(place) << 32 | (apr_uint64_t)(until))
#define XIMSS_POLL_NUMBER(poll) ((apr_uint64_t)(poll) >> 44)
#define XIMSS_POLL_PLACE(poll)  ((int)((poll) >> 32 & XIMSS_WAKER_MOST))
#define XIMSS_POLL_UNTIL(poll)  ((apr_uint32_t)(poll))
#define XIMSS_POLL_OVER(poll)   ((poll) & ~UINT64_C(0xffffffff))

/* What is read and changed without the session's mutex. All zero is a slot never used. */
typedef struct ximss_slot_mark_t {
    _Atomic apr_uint32_t state;
    _Atomic apr_uint32_t word;       /* futex: moves whenever a waiter should look again */
    _Atomic apr_uint64_t generation; /* of the session in it; only grows */
    _Atomic apr_uint64_t doomed;     /* generation that must end at its next unlock */
    _Atomic apr_uint64_t account;    /* hash of the account id */
    _Atomic apr_uint64_t poll;       /* the newest wait: XIMSS_POLL_MAKE */
    _Atomic apr_int64_t activity;    /* table clock, ms */
    _Atomic apr_int32_t idle;        /* seconds; session->idle_timeout as of the last unlock */
    _Atomic apr_uint32_t events;     /* how often the session was woken */
    _Atomic apr_uint32_t seen;       /* value of events that the last wait reported */
    _Atomic apr_uint32_t bye_seq;    /* respSeq of the <bye/> of the session that was here before */
    _Atomic apr_uint64_t bye; /* hash of its urlID until that is delivered, 0: nothing to say */
} ximss_slot_mark_t;

/* What the mutex guards. A gate is held while waiting for the mutex, so the number of waiters is
 * the number of gates, and the kernel opens the gate of a waiter that is killed. */
typedef struct ximss_slot_t {
    pthread_mutex_t mutex;
    pthread_mutex_t gates[XIMSS_SLOT_WAITERS];
    apr_uint64_t guard; /* ^ generation, before and behind: a torn or overrun session shows */
    ximss_session_t session;
    apr_uint64_t guard_behind;
} ximss_slot_t;

/* An open folder and whether its client is to be told of changes. */
typedef enum ximss_watch_state_t {
    XIMSS_WATCH_FREE,
    XIMSS_WATCH_HELD,    /* the folder is being opened: nobody is told */
    XIMSS_WATCH_ARMED,   /* the client knows of all changes */
    XIMSS_WATCH_PENDING, /* it must be told */
    XIMSS_WATCH_TOLD     /* it was told and has not synced since */
} ximss_watch_state_t;

typedef struct ximss_slot_watch_t {
    _Atomic apr_uint64_t key;     /* of the folder's name */
    _Atomic apr_uint64_t counter; /* of changes, as of before the folder's view was read */
    _Atomic apr_int64_t mailbox;
    _Atomic apr_int64_t view; /* modseq of the folder's view, XIMSS_VIEW_CHANGING: not known now */
    _Atomic apr_uint32_t state;
} ximss_slot_watch_t;

/* What those change who must not wait for the session's mutex, which is held for whole batches. All of it
 * is atomic and needs no lock. */
typedef struct ximss_slot_event_t {
    _Atomic apr_uint32_t missed; /* a poll found the session locked: wake it at the unlock */
    ximss_slot_watch_t watches[XIMSS_WATCH_MOST];
} ximss_slot_event_t;

typedef struct ximss_table_head_t {
    _Atomic apr_uint64_t magic; /* written last: a table that has it is whole */
    apr_uint32_t version;
    apr_uint32_t slots;
    apr_uint64_t size;
    apr_uint64_t marks_offset;
    apr_uint64_t slots_offset;
    apr_uint64_t events_offset;
    apr_uint32_t mark_size;
    apr_uint32_t slot_size;
    apr_uint32_t event_size;
    apr_uint64_t first_generation;
    _Atomic apr_int32_t sessions_account;
    _Atomic apr_int32_t idle_timeout;
    pthread_mutex_t alloc; /* taking a slot and counting an account's share are one step */
} ximss_table_head_t;

struct ximss_table_t {
    ximss_table_head_t *head;
    ximss_slot_mark_t *marks;
    ximss_slot_t *slots;
    ximss_slot_event_t *events;
    const char *runtime_dir;
    const char *upload_dir; /* NULL: no uploads */
    apr_int64_t (*clock)(void);
    _Atomic int stopped;  /* of this process: waits return at once */
    ximss_waker_t *waker; /* NULL: no process parks its waits */
};

/* The slot number and the generation of the live session of URL_ID, compared in constant time; 0 when there
 * is none. Takes no lock: whoever lacks the secret part cannot make others wait. */
int ximss_slot_find(ximss_table_t *table, const char *url_id, apr_uint32_t *number,
                    apr_uint64_t *generation);

/* The hash of an account id by which slots are counted. */
apr_uint64_t ximss_slot_account(const char *account_id);

/* The number of the slot that SESSION, a locked one, lies in. */
apr_uint32_t ximss_slot_number(const ximss_table_t *table, const ximss_session_t *session);

/* The slot number in a urlID of the right length and form, else -1. */
apr_int64_t ximss_slot_of(const char *url_id);

/* ---- events (event.c) ---- */

/* Ends all watches of the slot. */
void ximss_slot_clear_events(ximss_table_t *table, apr_uint32_t number);

/* Leaves word that the server ended the session in the slot; its mutex is held. */
void ximss_slot_leave_bye(ximss_table_t *table, apr_uint32_t number);

/* After an unlock: wakes a poll that found the session locked. */
void ximss_slot_unlocked(ximss_table_t *table, apr_uint32_t number);

/* ---- the session in a slot ---- */

/* Whether the session is over its idle time; a running wait is activity. */
int ximss_slot_expired(ximss_table_t *table, apr_uint32_t number);

/* Whether the generation in the slot was told to end. */
int ximss_slot_doomed(const ximss_slot_mark_t *mark);

/* Makes every waiter of the slot look again: those that block, and the parked one of POLL. */
void ximss_slot_nudge(ximss_table_t *table, apr_uint32_t number, apr_uint64_t poll);

/* Takes the slot's mutex if it is free and mends what a dead holder left. Returns 0 when it is taken. */
int ximss_slot_try(ximss_table_t *table, apr_uint32_t number);

/* Ends the session of a slot whose mutex is held, gives the mutex back and removes the folder. */
void ximss_slot_end(ximss_table_t *table, apr_uint32_t number);

/* After a mutex was taken: ends nothing, but tells whether the session in it may be used (not when it ended,
 * is doomed, expired, half made, or not sound after the death of its holder). */
int ximss_slot_usable(ximss_table_t *table, apr_uint32_t number, int orphaned);

/* ---- folders of sessions (files.c) ---- */

/* Writes the folder's path to BUFFER (SIZE bytes). */
void ximss_slot_folder(const ximss_table_t *table, apr_uint32_t number, apr_uint64_t generation,
                       char *buffer, apr_size_t size);

/* The same for the folder of the session's uploads, which may not be there; there is an upload_dir. */
void ximss_slot_uploads(const ximss_table_t *table, apr_uint32_t number, apr_uint64_t generation,
                        char *buffer, apr_size_t size);

/* Makes the folder, mode 0700 and empty. Returns 0 or an errno. */
int ximss_slot_folder_make(const ximss_table_t *table, apr_uint32_t number,
                           apr_uint64_t generation);

/* Removes the folder, that of the uploads, and all in them; follows no link. */
void ximss_slot_folder_remove(const ximss_table_t *table, apr_uint32_t number,
                              apr_uint64_t generation);

/* Removes the folders that no slot's generation owns. */
void ximss_slot_folder_sweep(ximss_table_t *table);

#endif

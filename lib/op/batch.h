/* The inside of a batch: what the dispatcher and the call functions share. */
#ifndef XIMSS_OP_BATCH_H
#define XIMSS_OP_BATCH_H

#include "op/ops.h"
#include "op/replay.h"

/* A segment is a run of requests on the account that begins with a write and is one commit. If that
 * fails, its whole output is made again from these entries. */
typedef struct ximss_batch_entry_t {
    const char *id;
    const ximss_error_t *error; /* of its own, NULL: it waits for the commit */
} ximss_batch_entry_t;

/* What is done once the segment is committed (ximss_call_after_commit). */
typedef struct ximss_batch_after_t {
    ximss_after_fn_t fn;
    void *baton;
} ximss_batch_after_t;

/* What a failure goes back to, beside the output. */
typedef struct ximss_batch_point_t {
    int changes; /* of folder files */
    int after;   /* length of batch->after */
    ximss_progress_before_t session;
} ximss_batch_point_t;

struct ximss_batch_t {
    const ximss_context_t *context;
    const ximss_peer_t *peer;
    ximss_session_t *session;
    ximss_xml_t *out;
    ximss_account_t *account; /* checked out when first needed */
    apr_size_t data_limit;    /* bytes of OUT that data messages may fill */
    int wrote;                /* something was committed */
    int folders_changed;      /* folders were opened, synced or closed */
    int in_segment;           /* a write transaction is open */
    apr_size_t segment_mark;  /* where its output begins */
    ximss_batch_point_t segment_point;
    ximss_batch_point_t point; /* before the request that runs */
    apr_size_t start;          /* of the output */
    int handled;               /* requests that have their response */
    int complete;              /* all have */
    ximss_stage_t stage;       /* changed folder files */
    ximss_replay_t replay;
    apr_array_header_t *entries; /* ximss_batch_entry_t of the segment */
    apr_array_header_t *after;   /* ximss_batch_after_t of the segment */
    apr_pool_t *pool;
};

#endif

/* The dispatch table of all requests, and the dispatcher. */
#ifndef XIMSS_OP_OPS_H
#define XIMSS_OP_OPS_H

#include "op/call.h"
#include "store/files.h"

enum {
    XIMSS_OP_PRELOGIN = 1 << 0, /* allowed before login */
    XIMSS_OP_SESSION = 1 << 1,  /* allowed in a session */
    XIMSS_OP_READS = 1 << 2,    /* needs the account, in a read transaction */
    XIMSS_OP_WRITES = 1 << 3,   /* needs the account, in the batch's write transaction */
    XIMSS_OP_LONG = 1 << 4,     /* may run long: writes before it are committed first */
    XIMSS_OP_EXTENSION = 1 << 5 /* not in the protocol text */
};

typedef struct ximss_op_t {
    const char *name; /* documented spelling */
    ximss_op_fn_t handler;
    int flags;
    const char *required; /* attributes that must be there, blank separated; NULL */
    ximss_op_fn_t
        prepare; /* does what needs no write lock: reads, parses, composes, hashes; NULL. It runs in a
                              read transaction, or in the write transaction that the batch has open, and
                              leaves its result in call->prepared. XIMSS_OP_WRITES only */
} ximss_op_t;

/* The table, sorted by name with letter case ignored, and its length. */
extern const ximss_op_t ximss_ops[];
extern const int ximss_ops_count;

/* The row of a request name, letter case ignored; NULL: unknown. */
const ximss_op_t *ximss_op_find(const char *name);

/* Runs the requests inside ROOT (the XIMSS element) in order and writes, into OUT, the children of the
 * reply: for each its data messages and its response. SESSION NULL: before login. Every writing request of
 * one transaction succeeds or answers an error. Nothing fails as a whole but the reply's size and the parse
 * limits: XIMSS_E_LIMIT. "bye" sets session->ended. The session is locked by the caller. */
const ximss_error_t *ximss_batch_run(const ximss_context_t *context, const ximss_peer_t *peer,
                                     ximss_session_t *session, const ximss_element_t *root,
                                     ximss_xml_t *out, apr_pool_t *pool);

/* Writes <response .../> for ERROR (NULL: success): the one place that does. ID may be NULL. */
void ximss_response_write(ximss_xml_t *out, const char *id, const ximss_error_t *error);

/* ---- login: shared by the parameter login and the <login> document ---- */

typedef struct ximss_login_request_t {
    ximss_credentials_t credentials; /* ignored with session_id */
    const char *session_id;          /* urlID of a live session of that user, or NULL */
    int kill_old;
    int disable_ip_watch;
    int use_cookie; /* 1 on, 0 off, -1: the preference UseCookie decides */
} ximss_login_request_t;

/* Logs in and makes a session. Nothing is written to the client. *SESSION is a copy in POOL. */
const ximss_error_t *ximss_login(const ximss_context_t *context,
                                 const ximss_login_request_t *request, ximss_session_t **session,
                                 const char **real_name, apr_pool_t *pool);

/* ---- message parts by URL ---- */

typedef struct ximss_part_data_t {
    const char *media_type; /* "type/subtype", lower case; "message/rfc822" for the whole */
    const char *charset;    /* or NULL */
    const char *file_name;  /* of the part, or NULL */
    const char *etag;       /* without quotes; stable for ever */
    const char *data;       /* decoded bytes, in POOL */
    apr_size_t length;
} ximss_part_data_t;

/* What is asked for. FOLDER is the name of an open folder of SESSION, else of a mailbox; PART_ID NULL: the whole
 * message, its exact stored bytes; else a decoded part. */
typedef struct ximss_part_query_t {
    const ximss_session_t *session; /* need not be locked */
    const char *session_dir;
    const char *folder;
    apr_uint32_t uid;
    const char *part_id;
} ximss_part_query_t;

/* Fetches it, in POOL. XIMSS_E_NO_FOLDER, XIMSS_E_NO_MAILBOX, XIMSS_E_NO_MESSAGE. */
const ximss_error_t *ximss_part_fetch(const ximss_context_t *context,
                                      const ximss_part_query_t *query, ximss_part_data_t **part,
                                      apr_pool_t *pool);

/* ---- stored files by URL ---- */

/* A file that is read a piece at a time. */
typedef struct ximss_file_source_t {
    const ximss_context_t *context;
    const char *account_id;
    ximss_file_t *file;
} ximss_file_source_t;

/* Finds the file that GIVEN, as it stands in a URL, names for SESSION, which need not be locked; in POOL.
 * XIMSS_E_NOT_FOUND (directories, too, and names that cannot be); XIMSS_E_DENIED: a file of another account. */
const ximss_error_t *ximss_file_fetch(const ximss_context_t *context,
                                      const ximss_session_t *session, const char *given,
                                      ximss_file_source_t **source, apr_pool_t *pool);

/* LENGTH of its bytes from OFFSET, both inside of it; a handle and a transaction of its own. XIMSS_E_NOT_FOUND when
 * the file was written anew or removed since. */
const ximss_error_t *ximss_file_fetch_piece(const ximss_file_source_t *source, apr_int64_t offset,
                                            apr_size_t length, const char **data, apr_pool_t *pool);

/* Whether a session has to end: its account was deleted or renamed, or got another password. Some system calls. */
int ximss_session_is_over(const ximss_context_t *context, const ximss_session_t *session,
                          apr_pool_t *pool);

#endif

/* Bodies in, replies out. */
#ifndef XIMSS_MOD_XIMSS_REQUEST_H
#define XIMSS_MOD_XIMSS_REQUEST_H

#include "mod_ximss/handler.h"

/* A request body in memory. */
typedef struct ximss_body_t {
    const char *data; /* NUL-terminated after LENGTH bytes */
    apr_size_t length;
} ximss_body_t;

/* Reads the whole body into POOL, whatever the method and transfer coding. Returns OK, or an HTTP status after which no
 * more can be read from the connection: HTTP_REQUEST_ENTITY_TOO_LARGE over LIMIT. */
int ximss_body_read(ximss_request_t *request, apr_size_t limit, ximss_body_t *body,
                    apr_pool_t *pool);

/* The length that the client announced, -1: none. */
apr_off_t ximss_body_announced(const ximss_request_t *request);

/* Gives the body to TAKE in pieces, as they come, and keeps none. Returns OK, else what TAKE returned, or an HTTP
 * status as ximss_body_read does. */
typedef int (*ximss_body_take_t)(void *baton, const char *data, apr_size_t length);
int ximss_body_stream(ximss_request_t *request, ximss_body_take_t take, void *baton);

/* Whether the body is an XML document: its first byte that is not blank is "<" (or a byte of UTF-16). */
int ximss_body_is_xml(const ximss_body_t *body);

/* Query or form parameters: names in any letter case to decoded values; unknown ones stay unread. */
apr_table_t *ximss_parameters_make(apr_pool_t *pool);
/* Adds those of TEXT ("a=b&c=d"), which win over earlier ones. */
void ximss_parameters_read(apr_table_t *parameters, const char *text, apr_pool_t *pool);
/* Whether NAME is given with a value other than empty, "0" and "no". */
int ximss_parameter_on(const apr_table_t *parameters, const char *name);

/* Sets the headers that every answer of ours has. */
void ximss_reply_headers(ximss_request_t *request);

/* All of these write the answer and return what a handler returns. Replies are in memory: no lock is held
 * while the client takes them. */
int ximss_reply_text(ximss_request_t *request, int status, const char *text);
int ximss_reply_options(ximss_request_t *request);
int ximss_reply_empty(ximss_request_t *request);
/* XML of LENGTH bytes, and CRLF after it. */
int ximss_reply_xml(ximss_request_t *request, int status, const char *data, apr_size_t length);
/* The session is lost: status 550, the only one that clients take so. */
int ximss_reply_lost(ximss_request_t *request);
/* A failure outside any request element: the HTTP status that fits ERROR, and a log line if it is ours. */
int ximss_reply_error(ximss_request_t *request, const ximss_error_t *error);
/* Sends LENGTH bytes at DATA, which live as long as the request, as they are. */
int ximss_reply_bytes(ximss_request_t *request, const char *data, apr_size_t length);

/* The peer for the operations. */
ximss_peer_t ximss_request_peer(const ximss_request_t *request);

/* Parses BODY, whose root must be XIMSS. */
const ximss_error_t *ximss_body_parse(const ximss_request_t *request, const ximss_body_t *body,
                                      const ximss_element_t **root);

#endif

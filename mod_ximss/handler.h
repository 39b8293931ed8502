/* The URLs that the module claims, and what handles each. */
#ifndef XIMSS_MOD_XIMSS_HANDLER_H
#define XIMSS_MOD_XIMSS_HANDLER_H

#include "mod_ximss/config.h"
#include "op/call.h"

struct ximss_url_route_t;

/* A request to one of our realms. */
typedef struct ximss_request_t {
    request_rec *r;
    const ximss_config_t *config;
    const ximss_context_t *context;        /* set before the handler runs */
    const struct ximss_url_route_t *route; /* NULL: no such URL */
    const char *url_id;                    /* decoded; "" in the login realm and when missing */
    apr_array_header_t *segments; /* const char *: decoded, what follows the route's name */
    const char *query;            /* as sent; NULL: none */
    int malformed;                /* a bad or NUL escape in the path */
} ximss_request_t;

typedef struct ximss_url_route_t {
    const char *realm; /* canonical spelling */
    const char *name;  /* of the segment after the urlID; "" when there is none */
    const char *allow; /* methods beside OPTIONS */
    int (*handler)(ximss_request_t *request);
} ximss_url_route_t;

/* The claim on R, NULL when it is not ours. */
ximss_request_t *ximss_request_get(const request_rec *r);

/* Hooks, in the order in which httpd calls them. */
int ximss_handler_post_read(request_rec *r);
int ximss_handler_pre_translate(request_rec *r);
int ximss_handler_claimed(request_rec *r); /* OK when R is ours: ends a phase for all others */
int ximss_handler_fixups(request_rec *r);
int ximss_handler_run(request_rec *r);

/* The handlers of the routes. */
int ximss_handle_login(ximss_request_t *request);
int ximss_handle_poll(ximss_request_t *request);
int ximss_handle_sync(ximss_request_t *request);
int ximss_handle_async(ximss_request_t *request);
int ximss_handle_kill(ximss_request_t *request);
int ximss_handle_mime(ximss_request_t *request);
int ximss_handle_upload(ximss_request_t *request);
int ximss_handle_download(ximss_request_t *request);
int ximss_handle_missing(ximss_request_t *request); /* known URLs that are not built yet */

#endif

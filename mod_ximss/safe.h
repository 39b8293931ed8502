/* Sending what came from strangers, mail parts and stored files, so that it can do no harm in a browser. */
#ifndef XIMSS_MOD_XIMSS_SAFE_H
#define XIMSS_MOD_XIMSS_SAFE_H

#include "mod_ximss/request.h"

/* What is sent. Nothing in it is trusted. */
typedef struct ximss_served_t {
    const char *media_type; /* "type/subtype", lower case; NULL: unknown */
    const char *charset;    /* of text/plain; or NULL */
    const char *name;       /* offered for saving, without folders; or NULL */
    const char *etag;       /* without quotes */
    int may_show;           /* pictures may be shown in place; else all is to be saved */
} ximss_served_t;

/* Sets the headers: a type from a list, a file name without tricks, a sandbox. */
void ximss_safe_headers(ximss_request_t *request, const ximss_served_t *served);

/* The media type that the ending of NAME stands for. */
const char *ximss_safe_type_of(const char *name);

/* After the headers are set: OK when the answer is to be sent; DECLINED when the conditions of the request (RFC 9110,
 * 13) led to another one: then *ANSWER is what the handler returns. */
int ximss_safe_conditions(ximss_request_t *request, int *answer);

#endif

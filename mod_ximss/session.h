/* Requests inside a session: found, checked and locked here only. */
#ifndef XIMSS_MOD_XIMSS_SESSION_H
#define XIMSS_MOD_XIMSS_SESSION_H

#include "mod_ximss/request.h"

/* Finds and locks the session of REQUEST, and checks the client's address and cookie. Returns OK with
 * *SESSION locked; else the answer is sent, and *ANSWER is what the handler returns. */
int ximss_request_lock(ximss_request_t *request, ximss_session_t **session, int *answer);
void ximss_request_unlock(ximss_request_t *request, ximss_session_t *session);

/* The same checks for a request that only reads: *COPY is the session, *DIR its folder, and nothing is locked, so
 * that a page may load many parts at once while a long batch runs. */
int ximss_request_peek(ximss_request_t *request, ximss_session_t *copy, const char **dir,
                       int *answer);

/* Gives the new SESSION a cookie, if it wants one, and sets it in the answer. */
const ximss_error_t *ximss_cookie_make(ximss_request_t *request, const ximss_session_t *session);

/* Whether this request may log in by the live session URL_ID: it sends that session's cookie, if there is one. A
 * session that is not there is left to the login to refuse. */
const ximss_error_t *ximss_cookie_vouches(ximss_request_t *request, const char *url_id,
                                          int *vouches);

/* Sends <XIMSS>...</XIMSS> around the elements in OUT. */
int ximss_reply_root(ximss_request_t *request, int status, ximss_xml_t *out);

#endif

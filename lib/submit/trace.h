/* The trace fields of a message that is delivered (RFC 5321, 4.4). */
#ifndef XIMSS_SUBMIT_TRACE_H
#define XIMSS_SUBMIT_TRACE_H

#include "submit/deliver.h"

/* What is stored for RECIPIENT, in POOL: the message without a "From " line in front and without Return-Path
 * fields, with Return-Path, Delivered-To and, if the delivery has one, Received on top. XIMSS_E_LOOP when the
 * message was delivered to RECIPIENT before, or has come too far. */
const ximss_error_t *ximss_trace_write(const char **data, apr_size_t *length,
                                       const ximss_delivery_t *delivery, const char *recipient,
                                       const ximss_limits_t *limits, apr_pool_t *pool);

/* The LENGTH bytes of a message at *DATA as they can be sent on: without a "From " line in front and without the fields
 * that its delivery here wrote, Return-Path and Delivered-To, by which it would be taken for one that goes in
 * circles. In POOL. */
void ximss_trace_strip(const char **data, apr_size_t *length, const ximss_limits_t *limits,
                       apr_pool_t *pool);

/* Whether the message begins with the line that mbox files have ("From :" is a field, RFC 5322, 4.5). */
int ximss_trace_has_from_line(const char *data, apr_size_t length);

#endif

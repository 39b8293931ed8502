/* folderRead with a mode that asks for an answer to the message. */
#ifndef XIMSS_OP_ANSWER_H
#define XIMSS_OP_ANSWER_H

#include "mime/answer.h"
#include "op/call.h"

/* Whether the request's mode asks for an answer: *ANSWERS, and then kind and html of ANSWER. Other modes than those that
 * are known mean nothing. XIMSS_E_BAD_REQUEST: one that begins like an answer's and is none. */
const ximss_error_t *ximss_op_answer_mode(ximss_call_t *call, ximss_answer_t *answer, int *answers);

/* Writes the answer to the message of structure TOP, or to the message in it that the request's partID names.
 * ANSWER->options, folder, uid and date say which message it is; the rest is filled in from the account.
 * XIMSS_E_NO_MESSAGE: there is no such part; XIMSS_E_BAD_REQUEST: it is no message. */
const ximss_error_t *ximss_op_answer_write(ximss_call_t *call, ximss_answer_t *answer,
                                           const ximss_part_t *top);

#endif

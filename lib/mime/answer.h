/* Replies and forwards that are composed in advance, for a client to edit and send (protocol text, folderRead mode). */
#ifndef XIMSS_MIME_ANSWER_H
#define XIMSS_MIME_ANSWER_H

#include "mime/to_xml.h"

typedef enum ximss_answer_kind_t {
    XIMSS_ANSWER_SENDER, /* a reply to whom the message is from */
    XIMSS_ANSWER_ALL,    /* and to all others who got it */
    XIMSS_ANSWER_FORWARD
} ximss_answer_kind_t;

typedef struct ximss_answer_t {
    ximss_answer_kind_t kind;
    int html;                                            /* the text as HTML */
    ximss_address_t from;                                /* who answers */
    int (*is_own)(void *own_baton, const char *address); /* whether it is one of his addresses */
    void *own_baton;
    const char *header;    /* preference ReplyHeader: ^T date, ^F sender, ^N new line */
    const char *mark;      /* ReplyQuote */
    const char *signature; /* "": none */
    int width;             /* MailerWidth */
    apr_int64_t date;      /* of the message where it tells none */
    const char *folder;    /* where copyMIME elements say that the message is, and its UID there */
    apr_uint32_t uid;
    int addresses;          /* most addresses that are read of a field */
    ximss_to_xml_t options; /* how to read the message; its zone */
} ximss_answer_t;

/* To whom an answer goes: arrays of ximss_address_t, no address twice, none of his own unless there is no other; as many
 * as a mail can have. */
typedef struct ximss_recipients_t {
    apr_array_header_t *to;
    apr_array_header_t *cc;
} ximss_recipients_t;

/* The recipients of a reply to a message of FIELDS (ximss_field_t *). In POOL.
 * To the sender: Mail-Reply-To, else Reply-To, else From, else Sender; a Reply-To that is no more than the list's own
 * address (List-Post) counts as none. To all: Mail-Followup-To where there is one, else the same, and as Cc whoever
 * is in To and Cc, and the list. A reply to what one wrote oneself goes to its To and Cc. */
void ximss_recipients_find(ximss_recipients_t *recipients, const apr_array_header_t *fields,
                           const ximss_answer_t *answer, apr_pool_t *pool);

/* SUBJECT with one "Re: " (or "Fwd: ") in front, in place of those it begins with, in whatever language; cut to
 * 4 KB. In POOL. */
const char *ximss_subject_answer(const char *subject, ximss_answer_kind_t kind, apr_pool_t *pool);

/* In-Reply-To and References of a reply to a message of FIELDS (RFC 5322, 3.6.4), of at most 20 ids; NULL: none. In
 * POOL. */
void ximss_references_answer(const apr_array_header_t *fields, const char **in_reply_to,
                             const char **references, apr_pool_t *pool);

/* Writes the EMail element that answers MESSAGE: a whole message, or its part of kind XIMSS_PART_MESSAGE; INNER: the
 * message inside that. The first text part is quoted, unless it exceeds the size limit or 4 MB. A forward has a copyMIME
 * for each other part, so that nothing of them goes to the client and back; one for the whole message where there
 * are more than 1,000. */
const ximss_error_t *ximss_answer_write(ximss_xml_t *xml, const ximss_part_t *message, int inner,
                                        const ximss_answer_t *answer, apr_pool_t *pool);

#endif

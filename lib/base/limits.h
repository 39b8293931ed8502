/* Every limit of the server in one struct, with its default. Each is a directive of the module. */
#ifndef XIMSS_BASE_LIMITS_H
#define XIMSS_BASE_LIMITS_H

#include <apr.h>

typedef struct ximss_limits_t {
    apr_size_t request_bytes; /* body of a request document */
    int request_depth;        /* nesting of its elements */
    int request_attributes;   /* attributes of one element */
    int request_elements;     /* elements of one document */
    int batch_requests;       /* requests in one document */
    apr_size_t reply_bytes;   /* one reply document */
    apr_size_t message_bytes; /* one stored message */
    int mime_depth;           /* nesting of MIME parts; deeper is shown as one text part */
    int mime_parts;           /* parts of one message */
    apr_size_t header_bytes;  /* header of one message or part */
    int addresses;            /* addresses of one header field */
    apr_size_t viewer_bytes;  /* text of one viewer field; longer is cut */
    int folders;              /* open folders of one session */
    int sessions_account;     /* sessions of one account */
    int search_seconds;       /* time of one filter or sort without an index */
    apr_size_t upload_bytes;  /* one uploaded file */
    int uploads;              /* uploaded files of one session */
    apr_size_t upload_total;  /* bytes of them all */
    apr_size_t file_bytes;    /* one file of the file storage */
    int files;                /* files of an account; as many directories and subscriptions */
    apr_size_t pref_bytes;    /* value of one preference, and attributes of one file */
    apr_size_t prefs_bytes;   /* all preferences of an account */
    int prefs;                /* preferences of an account's own */
    int recipients;           /* recipients of one message that is sent */
    int submissions_hour;     /* messages that an account may send in an hour */
} ximss_limits_t;

/* The defaults. */
#define XIMSS_LIMITS_DEFAULT                                                                       \
    {                                                                                              \
        .request_bytes = 16 * 1024 * 1024, .request_depth = 64, .request_attributes = 64,          \
        .request_elements = 100000, .batch_requests = 1000, .reply_bytes = 64 * 1024 * 1024,       \
        .message_bytes = 100 * 1024 * 1024, .mime_depth = 100, .mime_parts = 10000,                \
        .header_bytes = 1024 * 1024, .addresses = 10000, .viewer_bytes = 4096, .folders = 64,      \
        .sessions_account = 500, .search_seconds = 30, .upload_bytes = 100 * 1024 * 1024,          \
        .uploads = 100, .upload_total = 200 * 1024 * 1024, .file_bytes = 1024 * 1024 * 1024,       \
        .files = 10000, .pref_bytes = 64 * 1024, .prefs_bytes = 1024 * 1024, .prefs = 500,         \
        .recipients = 500, .submissions_hour = 500                                                 \
    }

#endif

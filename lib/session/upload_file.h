/* What a file of an upload looks like on disk: a block that tells what it is, and its bytes behind that. Internal to
 * lib/session. */
#ifndef XIMSS_SESSION_UPLOAD_FILE_H
#define XIMSS_SESSION_UPLOAD_FILE_H

#include "session/upload.h"

/* How the name of a file begins that still comes in. */
#define XIMSS_UPLOAD_NEW "new-"

enum {
    XIMSS_UPLOAD_HEADER =
        4096, /* bytes of the block, so that what follows can be mapped by itself */
    XIMSS_UPLOAD_NAME_SIZE = 64 + 1 /* of the name of a file that is in place, with its NUL */
};

/* Writes the name of the file of ID to NAME, XIMSS_UPLOAD_NAME_SIZE bytes. */
void ximss_upload_name(const char *id, char *name);

/* Whether NAME is that of a file that comes in. */
int ximss_upload_is_new(const char *name);

/* Writes the block about WHAT to HEADER, XIMSS_UPLOAD_HEADER bytes; long texts are cut. */
void ximss_upload_pack(const ximss_upload_t *what, char *header);

#endif

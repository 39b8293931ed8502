/* Replies of SMTP servers: read in any pieces they say the same, and stay within their bounds. The first byte
 * chooses the pieces. */
#include "submit/smtp_reply.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads one reply in pieces of STEP bytes; returns how much of DATA it took. */
static size_t read_one(ximss_smtp_reply_t *reply, ximss_reply_state_t *state, const char *data,
                       size_t size, size_t step)
{
    size_t at = 0;
    ximss_smtp_reply_init(reply);
    *state = XIMSS_REPLY_MORE;
    while (at < size && *state == XIMSS_REPLY_MORE) {
        apr_size_t used = 0;
        *state =
            ximss_smtp_reply_read(reply, data + at, size - at < step ? size - at : step, &used);
        at += used;
    }
    return at;
}

static void check(const ximss_smtp_reply_t *reply)
{
    size_t length = strlen(reply->text);
    int lines = 1;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)reply->text[i];
        lines += byte == '\n';
        if ((byte < ' ' && byte != '\n') || byte == 0x7f) {
            fprintf(stderr, "a control character\n");
            abort();
        }
    }
    if (reply->code < 200 || reply->code > 599 || length > XIMSS_REPLY_TEXT_MAX ||
        lines > XIMSS_REPLY_LINES_MAX ||
        (*reply->status != '\0' && *reply->status != '0' + reply->code / 100)) {
        fprintf(stderr, "code %d, %lu bytes, %d lines\n", reply->code, (unsigned long)length,
                lines);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    size_t left = size > 0 ? size - 1 : 0;
    while (left > 0) {
        ximss_smtp_reply_t whole;
        ximss_smtp_reply_t pieces;
        ximss_smtp_features_t features;
        ximss_reply_state_t state;
        ximss_reply_state_t again;
        size_t used = read_one(&whole, &state, text, left, left);
        if (read_one(&pieces, &again, text, left, 1 + data[0]) != used || again != state ||
            strcmp(whole.text, pieces.text) != 0 || whole.code != pieces.code) {
            fprintf(stderr, "pieces differ\n");
            abort();
        }
        if (state != XIMSS_REPLY_DONE) {
            break;
        }
        check(&whole);
        ximss_smtp_features_read(&features, &whole);
        text += used;
        left -= used;
    }
    return 0;
}

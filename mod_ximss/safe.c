/* What every answer with bytes of a stranger has: nothing in it runs as a page of the site, and its name means
 * nothing to a shell or a file system. */
#include "mod_ximss/safe.h"

#include "base/hex.h"
#include "base/text.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#define NAME_BYTES   200 /* longest file name that is offered */
#define TYPE_UNKNOWN "application/octet-stream"

static const char *const plain_types[] = {"application/gzip",
                                          "application/json",
                                          "application/msword",
                                          "application/ogg",
                                          "application/pdf",
                                          "application/pgp-signature",
                                          "application/pkcs7-mime",
                                          "application/pkcs7-signature",
                                          "application/rtf",
                                          "application/vnd.ms-excel",
                                          "application/vnd.ms-powerpoint",
                                          "application/zip",
                                          "image/bmp",
                                          "image/gif",
                                          "image/heic",
                                          "image/jpeg",
                                          "image/png",
                                          "image/tiff",
                                          "image/webp",
                                          "text/calendar",
                                          "text/csv",
                                          "text/plain",
                                          "text/vcard"};
static const char *const shown_types[] = {"image/gif", "image/jpeg", "image/png", "image/webp"};

/* Families whose members browsers play or save, and never run. */
static const char *const plain_families[] = {"audio/", "video/",
                                             "application/vnd.oasis.opendocument.",
                                             "application/vnd.openxmlformats-officedocument."};

static int is_in(const char *type, const char *const *list, apr_size_t count)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        if (strcmp(type, list[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

#define IS_IN(type, list) is_in(type, list, sizeof(list) / sizeof((list)[0]))

/* Whether TEXT is of the characters that may stand in a media type or charset (RFC 6838, 4.2). */
static int is_token(const char *text)
{
    return text[0] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789!#$&-^_.+/")] == '\0';
}

static const char *safe_type(const ximss_served_t *served, apr_pool_t *pool)
{
    const char *type = served->media_type != NULL ? served->media_type : TYPE_UNKNOWN;
    apr_size_t i;

    if (strcmp(type, "text/plain") == 0 && served->charset != NULL &&
        strlen(served->charset) < 40 && is_token(served->charset)) {
        return apr_pstrcat(pool, "text/plain;charset=", served->charset, NULL);
    }
    if (IS_IN(type, plain_types)) {
        return type;
    }
    for (i = 0; i < sizeof(plain_families) / sizeof(plain_families[0]); i++) {
        if (strncmp(type, plain_families[i], strlen(plain_families[i])) == 0 && is_token(type)) {
            return type;
        }
    }
    return TYPE_UNKNOWN;
}

/* Whether the character at TEXT turns the direction of writing, which hides the true ending of a name. */
static int is_direction(const unsigned char *text)
{
    return text[0] == 0xE2 && ((text[1] == 0x80 && text[2] >= 0xAA && text[2] <= 0xAE) ||
                               (text[1] == 0x80 && (text[2] == 0x8E || text[2] == 0x8F)) ||
                               (text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9));
}

/* NAME as a file name that means nothing to a shell or a file system. */
static const char *safe_name(const char *name, apr_pool_t *pool)
{
    apr_size_t length = strlen(name);
    const char *clean = ximss_text_clean(name, &length, pool);
    char *safe = apr_pstrmemdup(pool, clean, ximss_text_cut(clean, length, NAME_BYTES));
    char *at;

    for (at = safe; *at != '\0'; at++) {
        if (is_direction((const unsigned char *)at)) {
            memmove(at + 1, at + 3, strlen(at + 3) + 1);
            *at = '_';
        }
        else if ((unsigned char)*at < 0x20 || *at == 0x7F || strchr("/\\\"<>:|?*", *at) != NULL) {
            *at = '_';
        }
    }
    if (safe[0] == '.') {
        safe[0] = '_';
    }
    return safe[0] != '\0' ? safe : "part";
}

/* The file name for clients that know RFC 8187 only in its absence: ASCII. */
static const char *ascii_name(const char *name, apr_pool_t *pool)
{
    char *ascii = apr_pstrdup(pool, name);
    char *at;

    for (at = ascii; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80 || *at == '%') {
            *at = '_';
        }
    }
    return ascii;
}

/* NAME as the value-chars of RFC 8187. */
static const char *encoded_name(const char *name, apr_pool_t *pool)
{
    char *encoded = apr_palloc(pool, strlen(name) * 3 + 1);
    char *to = encoded;

    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;

        if (apr_isalnum(byte) || strchr("-._~", byte) != NULL) {
            *to++ = *name;
        }
        else {
            *to++ = '%';
            to = ximss_hex_write(to, *name);
        }
    }
    *to = '\0';
    return encoded;
}

/* RFC 6266. */
static const char *disposition(int is_shown, const char *name, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s; filename=\"%s\"; filename*=UTF-8''%s",
                        is_shown ? "inline" : "attachment", ascii_name(name, pool),
                        encoded_name(name, pool));
}

/* ---- types by name ---- */

/* clang-format off */
static const struct {
    const char *extension;
    const char *type;
} extensions[] = {
    {"bmp", "image/bmp"}, {"csv", "text/csv"}, {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"flac", "audio/flac"}, {"gif", "image/gif"}, {"gz", "application/gzip"}, {"heic", "image/heic"},
    {"ics", "text/calendar"}, {"jpeg", "image/jpeg"}, {"jpg", "image/jpeg"}, {"json", "application/json"},
    {"log", "text/plain"}, {"m4a", "audio/mp4"}, {"mov", "video/quicktime"}, {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"}, {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"}, {"odt", "application/vnd.oasis.opendocument.text"},
    {"ogg", "audio/ogg"}, {"pdf", "application/pdf"}, {"png", "image/png"}, {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"rtf", "application/rtf"}, {"tif", "image/tiff"}, {"tiff", "image/tiff"}, {"txt", "text/plain"},
    {"vcf", "text/vcard"}, {"wav", "audio/wav"}, {"webm", "video/webm"}, {"webp", "image/webp"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}, {"zip", "application/zip"}};
/* clang-format on */

const char *ximss_safe_type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    apr_size_t i;

    for (i = 0; dot != NULL && i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        if (ap_cstr_casecmp(dot + 1, extensions[i].extension) == 0) {
            return extensions[i].type;
        }
    }
    return TYPE_UNKNOWN;
}

/* ---- the answer ---- */

void ximss_safe_headers(ximss_request_t *request, const ximss_served_t *served)
{
    request_rec *r = request->r;
    apr_table_t *headers = r->headers_out;
    const char *type = safe_type(served, r->pool);
    const char *name = served->name != NULL ? served->name : "part";
    int is_shown = served->may_show && IS_IN(type, shown_types);

    ap_set_content_type(r, type);
    apr_table_setn(headers, "Content-Disposition",
                   disposition(is_shown, safe_name(name, r->pool), r->pool));
    apr_table_setn(headers, "Content-Security-Policy", "sandbox; default-src 'none'");
    apr_table_setn(headers, "Cache-Control", "private, no-cache");
    apr_table_unset(headers, "Pragma");
    apr_table_setn(headers, "Accept-Ranges", "bytes");
    apr_table_setn(headers, "ETag", apr_pstrcat(r->pool, "\"", served->etag, "\"", NULL));
}

int ximss_safe_conditions(ximss_request_t *request, int *answer)
{
    *answer = ap_meets_conditions(request->r);
    if (*answer == OK) {
        return OK;
    }
    if (*answer != HTTP_NOT_MODIFIED) {
        *answer = ximss_reply_text(request, *answer, "the condition of the request does not hold");
    }
    return DECLINED;
}

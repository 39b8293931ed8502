/* Shows messages as EMail XML, for corpora.t. With "batch" it reads lines "message PATH" and "mbox PATH"
 * from its input and writes, for each message, a line "LENGTH CPU-MICROSECONDS" and that many bytes of XML,
 * then "end" for each line read. What the store keeps is checked on the way: the XML is written from the
 * unpacked structure, and packing that again must give the same bytes. Without arguments it runs itself
 * on a message of its own, as a test. */
#include "mime/digest.h"
#include "mime/mbox.h"
#include "mime/to_xml.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define XML_MAX (256 * 1024 * 1024)

typedef struct message_t {
    const char *data;
    apr_size_t length;
} message_t;

static const ximss_limits_t limits = XIMSS_LIMITS_DEFAULT;

static void fail(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

static const ximss_error_t *read_raw(void *baton, apr_int64_t offset, apr_size_t length,
                                     const char **data, apr_pool_t *pool)
{
    const message_t *message = baton;
    if (offset < 0 || (apr_size_t)offset > message->length ||
        length > message->length - (apr_size_t)offset) {
        return ximss_error(pool, XIMSS_E_INTERNAL, "outside of the message");
    }
    *data = message->data + offset;
    return NULL;
}

static const char *to_xml(const message_t *message, apr_size_t *length, apr_pool_t *pool)
{
    ximss_digest_t *digest = ximss_digest_make(message->data, message->length, &limits, pool);
    ximss_to_xml_t options = {ximss_zone_get("UTC"), -1, read_raw, (void *)message};
    ximss_xml_t *xml = ximss_xml_create(XML_MAX, pool);
    ximss_part_t *top;
    const char *again;
    apr_size_t again_length;
    if (ximss_structure_unpack(&top, digest->structure, digest->structure_length, pool) != NULL) {
        fail("the structure cannot be unpacked");
    }
    ximss_structure_pack(top, &again, &again_length, pool);
    if (again_length != digest->structure_length ||
        memcmp(again, digest->structure, again_length) != 0) {
        fail("the structure changes when it is unpacked and packed");
    }
    if (ximss_email_write(xml, top, &options, pool) != NULL || ximss_xml_overflow(xml)) {
        fail("the message cannot be written");
    }
    return ximss_xml_data(xml, length);
}

static void dump(const message_t *message, apr_pool_t *parent)
{
    struct timespec start;
    struct timespec end;
    apr_size_t length;
    const char *xml;
    apr_pool_t *pool;
    apr_pool_create(&pool, parent);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    xml = to_xml(message, &length, pool);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    printf("%lu %ld\n", (unsigned long)length,
           (long)(end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000);
    fwrite(xml, 1, length, stdout);
    apr_pool_destroy(pool);
}

static void dump_mbox(const message_t *file, apr_pool_t *pool)
{
    ximss_mbox_t *mbox = ximss_mbox_open(file->data, file->length, pool);
    ximss_mbox_message_t found;
    while (ximss_mbox_next(mbox, &found)) {
        message_t message = {found.data, found.length};
        dump(&message, pool);
    }
}

static char *read_file(const char *path, apr_size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *data;
    long size;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fail(path);
    }
    rewind(file);
    data = malloc((size_t)size + 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fail(path);
    }
    fclose(file);
    *length = (apr_size_t)size;
    return data;
}

static void batch(apr_pool_t *pool)
{
    char line[4096];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *path = strchr(line, ' ');
        message_t message;
        char *data;
        line[strcspn(line, "\n")] = '\0';
        if (path == NULL) {
            fail("a line is KIND PATH");
        }
        *path++ = '\0';
        data = read_file(path, &message.length);
        message.data = data;
        if (strcmp(line, "mbox") == 0) {
            dump_mbox(&message, pool);
        }
        else {
            dump(&message, pool);
        }
        free(data);
        apr_pool_clear(pool);
        puts("end");
        fflush(stdout);
    }
}

static int test(apr_pool_t *pool)
{
    static const char text[] = "Subject: a\r\n\r\nbody\r\n";
    const message_t message = {text, sizeof(text) - 1};
    static const char expected[] = "<EMail><Subject>a</Subject><MIME estimatedSize=\"6\" "
                                   "subtype=\"plain\" type=\"text\">body\n</MIME></EMail>";
    apr_size_t length;
    const char *xml = to_xml(&message, &length, pool);
    int good = length == strlen(expected) && memcmp(xml, expected, length) == 0;
    printf("1..1\n%s 1 - a small message as XML\n", good ? "ok" : "not ok");
    if (!good) {
        printf("# %.*s\n", (int)length, xml);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    apr_pool_t *pool;
    int status = EXIT_SUCCESS;
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (argc > 1 && strcmp(argv[1], "batch") == 0) {
        batch(pool);
    }
    else {
        status = test(pool);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return status;
}

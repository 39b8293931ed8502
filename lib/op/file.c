/* File storage: lists, and changes of names. */
#include "op/handlers.h"
#include "store/files.h"

#include <apr_strings.h>

#include <string.h>

const ximss_error_t *ximss_op_file_name(const ximss_session_t *session, const char *given,
                                        const char **name, apr_pool_t *pool)
{
    /* whether such an account or file is there is told to nobody */
    return ximss_op_mailbox_name(session, given, name, pool) == NULL
               ? NULL
               : ximss_error(pool, XIMSS_E_DENIED, "file access denied");
}

const ximss_error_t *ximss_op_file_attr(ximss_call_t *call, const char *attribute,
                                        const char **name)
{
    const char *given;
    XIMSS_TRY(ximss_call_attr(call, attribute, &given));
    return ximss_op_file_name(call->session, given, name, call->pool);
}

/* The directory that the request names; none is the top. */
static const ximss_error_t *directory_attr(ximss_call_t *call, const char **name)
{
    const char *given = ximss_element_attr(call->request, "directory");
    return ximss_op_file_name(call->session, given != NULL ? given : "", name, call->pool);
}

/* ---- lists ---- */

/* Clients join DIRECTORY, which is their own spelling of it, and NAME; without a directory NAME is all of it. A
 * directory is known by its lack of a size. */
static void write_info(ximss_call_t *call, const ximss_file_t *file, const char *directory,
                       const char *name)
{
    ximss_call_message(call, "fileInfo");
    ximss_xml_attr(call->out, "fileName", name);
    ximss_xml_attr(call->out, "directory", directory);
    if (file->is_directory) {
        ximss_xml_attr(call->out, "type", "directory");
    }
    else {
        ximss_xml_attr_int(call->out, "size", file->size);
    }
    ximss_xml_attr(call->out, "timeModified", ximss_time_gmt(file->modified, call->pool));
    ximss_xml_end(call->out);
}

static const char *last_level(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

static const ximss_error_t *list_one(ximss_call_t *call, const char *given)
{
    const char *name;
    ximss_file_t *file;
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &name));
    XIMSS_TRY(ximss_file_find(call->account, name, &file, call->pool));
    write_info(call, file, NULL, given);
    return NULL;
}

const ximss_error_t *ximss_op_file_list(ximss_call_t *call)
{
    const char *given = ximss_element_attr(call->request, "fileName");
    const char *directory = ximss_element_attr(call->request, "directory");
    ximss_file_slice_t slice;
    apr_array_header_t *files;
    const char *name;
    int i;
    if (given != NULL) {
        return list_one(call, given);
    }
    XIMSS_TRY(directory_attr(call, &name));
    XIMSS_TRY(ximss_op_number(call, "position", APR_INT32_MAX, 0, &slice.position));
    XIMSS_TRY(ximss_op_number(call, "limit", APR_INT32_MAX, 0, &slice.limit));
    XIMSS_TRY(ximss_file_list(call->account, name, &slice, &files, call->pool));
    for (i = 0; i < files->nelts; i++) {
        const ximss_file_t *file = &APR_ARRAY_IDX(files, i, ximss_file_t);
        write_info(call, file, directory != NULL && *directory != '\0' ? directory : NULL,
                   last_level(file->name));
    }
    return NULL;
}

/* What the top says besides: files may fill what the quota leaves to them. */
static const ximss_error_t *write_limits(ximss_call_t *call, apr_int64_t bytes)
{
    apr_int64_t used;
    apr_int64_t quota;
    XIMSS_TRY(ximss_account_usage(call->account, &used, &quota, call->pool));
    if (quota >= 0) {
        ximss_xml_attr_int(call->out, "sizeLimit", quota > used ? quota - used + bytes : bytes);
    }
    ximss_xml_attr_int(call->out, "filesLimit", call->context->limits->files);
    return NULL;
}

const ximss_error_t *ximss_op_file_dir_info(ximss_call_t *call)
{
    const char *directory = ximss_element_attr(call->request, "directory");
    const char *name;
    const char *clean;
    apr_int64_t files;
    apr_int64_t bytes;
    XIMSS_TRY(directory_attr(call, &name));
    XIMSS_TRY(ximss_file_name(&clean, name, call->pool));
    XIMSS_TRY(ximss_file_total(call->account, clean, &files, &bytes, call->pool));
    ximss_call_message(call, "fileDirInfo");
    ximss_xml_attr_int(call->out, "size", bytes);
    ximss_xml_attr_int(call->out, "files", files);
    if (*clean == '\0') {
        XIMSS_TRY(write_limits(call, bytes));
    }
    else {
        ximss_xml_attr(call->out, "directory", directory);
    }
    ximss_xml_end(call->out);
    return NULL;
}

/* ---- changes ---- */

const ximss_error_t *ximss_op_file_dir_create(ximss_call_t *call)
{
    ximss_file_write_t write = {.now = call->context->clock(), .limits = call->context->limits};
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &write.name));
    return ximss_file_mkdir(call->account, &write, call->pool);
}

const ximss_error_t *ximss_op_file_rename(ximss_call_t *call)
{
    const char *name;
    const char *new_name;
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &name));
    XIMSS_TRY(ximss_op_file_attr(call, "newName", &new_name));
    return ximss_file_rename(call->account, name, new_name, call->pool);
}

const ximss_error_t *ximss_op_file_remove(ximss_call_t *call)
{
    const char *name;
    XIMSS_TRY(ximss_op_file_attr(call, "fileName", &name));
    return ximss_file_remove(call->account, name, call->pool);
}

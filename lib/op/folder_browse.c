/* folderBrowse: rows of an open folder with their viewer fields, by position or by UID.
 * A row costs no statement of its own unless a field is asked for that the
 * row does not hold. */
#include "base/message_set.h"
#include "op/handlers.h"
#include "op/viewer.h"

/* Rows that are read and written at once. */
#define PAGE 256

/* Single UIDs whose positions are looked up one by one; more are found in one walk. */
#define LOOKUPS 16

typedef struct ximss_browse_t {
    ximss_call_t *call;
    const ximss_folder_t *folder;
    ximss_viewer_t viewer;
    const apr_uint32_t *uids; /* of the page that is being written */
    const apr_int64_t *indices;
    apr_size_t count;
    apr_size_t at;
} ximss_browse_t;

/* ---- one row ---- */

static void start_report(ximss_browse_t *browse)
{
    ximss_call_t *call = browse->call;
    /* In alphabetical order: then nothing has to be sorted. */
    ximss_xml_start(call->out, "folderReport");
    ximss_xml_attr(call->out, "folder", browse->folder->name);
    ximss_xml_attr(call->out, "id", call->id);
    ximss_xml_attr_int(call->out, "index", browse->indices[browse->at]);
    ximss_xml_attr_int(call->out, "UID", browse->uids[browse->at]);
    browse->at++;
}

/* Rows that are gone altogether have a report without fields. */
static void write_gone(ximss_browse_t *browse, apr_uint32_t next)
{
    while (browse->at < browse->count && browse->uids[browse->at] != next) {
        start_report(browse);
        ximss_xml_end(browse->call->out);
    }
}

static const ximss_error_t *write_row(void *baton, const ximss_message_t *message,
                                      apr_pool_t *scratch)
{
    ximss_browse_t *browse = baton;
    write_gone(browse, message->uid);
    if (browse->at >= browse->count) {
        return NULL;
    }
    start_report(browse);
    if (message->gone == 0) {
        XIMSS_TRY(ximss_viewer_write(&browse->viewer, message, scratch));
    }
    ximss_xml_end(browse->call->out);
    return NULL;
}

/* ---- pages ---- */

static const ximss_error_t *write_page(ximss_browse_t *browse, const apr_uint32_t *uids,
                                       const apr_int64_t *indices, apr_size_t count,
                                       apr_pool_t *pool)
{
    browse->uids = uids;
    browse->indices = indices;
    browse->count = count;
    browse->at = 0;
    XIMSS_TRY(ximss_message_rows(browse->call->account, browse->folder->mailbox, uids, count,
                                 write_row, browse, pool));
    write_gone(browse, 0);
    if (ximss_xml_overflow(browse->call->out)) {
        return ximss_error(browse->call->pool, XIMSS_E_LIMIT,
                           "the reply is too large, ask for fewer messages at once");
    }
    return NULL;
}

/* Positions FROM..TILL, clamped to the view. */
static const ximss_error_t *browse_range(ximss_browse_t *browse, apr_int64_t from, apr_int64_t till,
                                         apr_pool_t *pool)
{
    apr_int64_t indices[PAGE];
    apr_uint32_t *uids;
    if (till >= browse->folder->messages) {
        till = browse->folder->messages - 1;
    }
    while (from <= till) {
        apr_int64_t last = till - from >= PAGE ? from + PAGE - 1 : till;
        apr_size_t count = (apr_size_t)(last - from + 1);
        apr_size_t i;
        apr_pool_clear(pool);
        for (i = 0; i < count; i++) {
            indices[i] = from + (apr_int64_t)i;
        }
        XIMSS_TRY(ximss_view_uids(browse->folder, browse->call->account, from, last, &uids, pool));
        XIMSS_TRY(write_page(browse, uids, indices, count, pool));
        from = last + 1;
    }
    return NULL;
}

/* ---- by UID ---- */

static int all_single(const ximss_message_set_t *set)
{
    int i;
    for (i = 0; i < set->ranges->nelts; i++) {
        const ximss_range_t *range = &APR_ARRAY_IDX(set->ranges, i, ximss_range_t);
        if (range->from != range->till) {
            return 0;
        }
    }
    return set->ranges->nelts <= LOOKUPS;
}

static const ximss_error_t *browse_one_uid(ximss_browse_t *browse, apr_int64_t number,
                                           apr_pool_t *pool)
{
    apr_uint32_t uid = (apr_uint32_t)number;
    apr_int64_t index;
    if (number > APR_UINT32_MAX) {
        return NULL;
    }
    apr_pool_clear(pool);
    XIMSS_TRY(ximss_view_index(browse->folder, browse->call->account, uid, &index, pool));
    return index < 0 ? NULL : write_page(browse, &uid, &index, 1, pool);
}

/* Whether UID is in one of the merged ranges. */
static int set_has(const ximss_message_set_t *set, apr_uint32_t uid)
{
    const ximss_range_t *ranges = (const ximss_range_t *)(const void *)set->ranges->elts;
    int low = 0;
    int high = set->ranges->nelts;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (ranges[middle].from <= uid) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low > 0 && uid <= ranges[low - 1].till;
}

/* Writes those of a page of the view that the set holds. */
static const ximss_error_t *browse_hits(ximss_browse_t *browse, const ximss_message_set_t *set,
                                        apr_int64_t from, apr_size_t count, apr_pool_t *pool)
{
    apr_int64_t indices[PAGE];
    apr_uint32_t hits[PAGE];
    apr_size_t found = 0;
    apr_uint32_t *uids;
    apr_size_t i;
    XIMSS_TRY(ximss_view_uids(browse->folder, browse->call->account, from,
                              from + (apr_int64_t)count - 1, &uids, pool));
    for (i = 0; i < count; i++) {
        if (set_has(set, uids[i])) {
            indices[found] = from + (apr_int64_t)i;
            hits[found++] = uids[i];
        }
    }
    return found > 0 ? write_page(browse, hits, indices, found, pool) : NULL;
}

/* Goes through the view a page at a time. */
static const ximss_error_t *browse_uid_ranges(ximss_browse_t *browse, ximss_message_set_t *set,
                                              apr_pool_t *pool)
{
    apr_int64_t from;
    ximss_message_set_merge(set);
    for (from = 0; from < browse->folder->messages; from += PAGE) {
        apr_int64_t rest = browse->folder->messages - from;
        apr_pool_clear(pool);
        XIMSS_TRY(browse_hits(browse, set, from, (apr_size_t)(rest < PAGE ? rest : PAGE), pool));
    }
    return NULL;
}

static const ximss_error_t *browse_set(ximss_browse_t *browse, ximss_message_set_t *set,
                                       apr_pool_t *pool)
{
    int one_by_one = set->by_uid && all_single(set);
    int i;
    if (set->by_uid && !one_by_one) {
        return browse_uid_ranges(browse, set, pool);
    }
    for (i = 0; i < set->ranges->nelts; i++) {
        const ximss_range_t *range = &APR_ARRAY_IDX(set->ranges, i, ximss_range_t);
        if (one_by_one) {
            XIMSS_TRY(browse_one_uid(browse, range->from, pool));
        }
        else {
            XIMSS_TRY(browse_range(browse, range->from, range->till, pool));
        }
    }
    return NULL;
}

const ximss_error_t *ximss_op_folder_browse(ximss_call_t *call)
{
    ximss_browse_t browse = {0};
    ximss_folder_t *folder;
    ximss_mailbox_t *mailbox;
    ximss_message_set_t set;
    const ximss_error_t *error;
    apr_pool_t *page;
    XIMSS_TRY(ximss_op_folder(call, &folder, &mailbox));
    XIMSS_TRY(ximss_message_set_read(&set, call->request, call->pool));
    browse.call = call;
    browse.folder = folder;
    ximss_viewer_init(&browse.viewer, call, folder);
    apr_pool_create(&page, call->pool);
    error = browse_set(&browse, &set, page);
    /* The error lives in the page's pool, which goes with the request. */
    return error;
}

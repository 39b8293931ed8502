/* folderSync (protocol text, Mailbox Operations): reports what changed and moves the
 * folder's view on. */
#include "op/handlers.h"
#include "op/viewer.h"
#include "op/watch.h"
#include "view/sync.h"

#include <apr_strings.h>

/* Rows that are read and written at once. */
#define PAGE 256

typedef struct ximss_sync_report_t {
    ximss_call_t *call;
    const ximss_folder_t *folder;
    const ximss_sync_t *sync;
    ximss_viewer_t viewer;
    apr_int64_t messages; /* after the steps written so far */
    int at;               /* the step to be written */
    int page_end;         /* behind the last step of the page */
} ximss_sync_report_t;

static const ximss_step_t *step_at(const ximss_sync_report_t *report, int i)
{
    return &APR_ARRAY_IDX(report->sync->steps, i, ximss_step_t);
}

/* Starts the report of the next step. */
static void start_step(ximss_sync_report_t *report)
{
    static const char *const modes[] = {"removed", "added", "updated"};
    const ximss_step_t *step = step_at(report, report->at++);
    ximss_call_t *call = report->call;
    ximss_xml_start(call->out, "folderReport");
    ximss_xml_attr(call->out, "folder", report->folder->name);
    ximss_xml_attr(call->out, "id", call->id);
    ximss_xml_attr_int(call->out, "index", step->index);
    if (step->kind != XIMSS_STEP_UPDATED) {
        report->messages += step->kind == XIMSS_STEP_ADDED ? 1 : -1;
        ximss_xml_attr_int(call->out, "messages", report->messages);
    }
    ximss_xml_attr(call->out, "mode", modes[step->kind]);
    ximss_xml_attr_int(call->out, "UID", step->uid);
    ximss_xml_attr_int(call->out, "unseen", report->sync->unseen);
}

/* Rows that are gone altogether by now have a report without fields. */
static void write_gone(ximss_sync_report_t *report, apr_uint32_t next)
{
    while (report->at < report->page_end && step_at(report, report->at)->uid != next) {
        start_step(report);
        ximss_xml_end(report->call->out);
    }
}

static const ximss_error_t *write_row(void *baton, const ximss_message_t *message,
                                      apr_pool_t *scratch)
{
    ximss_sync_report_t *report = baton;
    write_gone(report, message->uid);
    if (report->at >= report->page_end) {
        return NULL;
    }
    start_step(report);
    if (message->gone == 0) {
        XIMSS_TRY(ximss_viewer_write(&report->viewer, message, scratch));
    }
    ximss_xml_end(report->call->out);
    return NULL;
}

/* Writes a removal, or a page of other steps. */
static const ximss_error_t *write_page(ximss_sync_report_t *report, apr_pool_t *pool)
{
    apr_uint32_t uids[PAGE];
    apr_size_t count = 0;
    int i = report->at;
    while (i < report->sync->count && count < PAGE &&
           step_at(report, i)->kind != XIMSS_STEP_REMOVED) {
        uids[count++] = step_at(report, i++)->uid;
    }
    report->page_end = i;
    if (count == 0) {
        start_step(report);
        ximss_xml_end(report->call->out);
    }
    else {
        XIMSS_TRY(ximss_message_rows(report->call->account, report->folder->mailbox, uids, count,
                                     write_row, report, pool));
        write_gone(report, 0);
    }
    if (ximss_xml_overflow(report->call->out)) {
        return ximss_error(pool, XIMSS_E_LIMIT,
                           "the reply is too large, use the attribute \"limit\"");
    }
    return NULL;
}

static const ximss_error_t *write_reports(ximss_call_t *call, const ximss_folder_t *folder,
                                          const ximss_sync_t *sync)
{
    ximss_sync_report_t report = {
        .call = call, .folder = folder, .sync = sync, .messages = folder->messages};
    apr_pool_t *page;
    ximss_viewer_init(&report.viewer, call, folder);
    apr_pool_create(&page, call->pool);
    while (report.at < sync->count) {
        apr_pool_clear(page);
        XIMSS_TRY(write_page(&report, page));
    }
    apr_pool_destroy(page);
    return NULL;
}

const ximss_error_t *ximss_op_folder_sync(ximss_call_t *call)
{
    ximss_view_env_t env = {.limits = call->context->limits,
                            .recent_since = call->session->previous_login};
    ximss_folder_t *folder;
    ximss_mailbox_t *mailbox;
    ximss_sync_t sync = {0};
    ximss_changes_t before;
    const char *name;
    XIMSS_TRY(ximss_call_attr(call, "folder", &name));
    XIMSS_TRY(ximss_op_watch_begin(call, name, &before));
    XIMSS_TRY(ximss_op_folder(call, &folder, &mailbox));
    XIMSS_TRY(ximss_op_number(call, "limit", APR_UINT32_MAX, 0, &sync.limit));
    if (sync.limit == 0) {
        sync.limit = APR_INT64_MAX;
    }
    XIMSS_TRY(ximss_view_sync(&sync, folder, call->account, mailbox, &env, call->pool));
    XIMSS_TRY(write_reports(call, folder, &sync));
    XIMSS_TRY(ximss_op_watch_set(call, sync.next, &before));
    if (sync.next->pending != NULL || sync.next->modseq != mailbox->modseq) {
        ximss_op_watch_fire(call, sync.next->name); /* there is more than the limit */
    }
    if (sync.count == 0 && sync.next->modseq == folder->modseq) {
        return NULL;
    }
    return ximss_call_folder_save(call, sync.next);
}

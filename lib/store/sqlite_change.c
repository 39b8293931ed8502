/* Tells others which mailboxes a transaction changed. Counters in a small file beside the database move
 * before COMMIT and after it: whoever reads them, then the mailbox, then them again, misses nothing, and a
 * process that dies between the two has moved them still. They are hints and need not be on stable
 * storage: whoever compares them is a session, and sessions do not outlive the machine. */
#include "store/sqlite.h"
#include "store/wake.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void ximss_sqlite_change_note(ximss_sqlite_t *db, apr_int64_t mailbox)
{
    ximss_wake_t *changed = &db->changed;
    int i;

    for (i = 0; i < changed->count; i++) {
        if (changed->mailboxes[i] == mailbox) {
            return;
        }
    }
    if (changed->count == XIMSS_WAKE_MAILBOXES) {
        changed->all = 1;
        return;
    }
    changed->mailboxes[changed->count++] = mailbox;
}

void ximss_sqlite_change_forget(ximss_sqlite_t *db)
{
    db->changed.count = 0;
    db->changed.all = 0;
}

/* Moves the counter at NUMBER of the file. */
static void bump(int file, apr_size_t number)
{
    off_t at = (off_t)(number * sizeof(apr_uint64_t));
    apr_uint64_t value = 0;

    if (pread(file, &value, sizeof(value), at) < 0) {
        return;
    }
    value++;
    if (pwrite(file, &value, sizeof(value), at) < 0) {
        return; /* a full disk: the commit fails, too, or nothing but a hint is lost */
    }
}

void ximss_sqlite_change_count(ximss_sqlite_t *db)
{
    const ximss_wake_t *changed = &db->changed;
    int file;
    int i;

    if (db->changes_path == NULL || (changed->count == 0 && !changed->all)) {
        return;
    }
    file = open(db->changes_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return;
    }
    if (changed->all) {
        bump(file, 0);
    }
    for (i = 0; i < changed->count && !changed->all; i++) {
        bump(file, 1 + (apr_size_t)(changed->mailboxes[i] % XIMSS_CHANGE_COUNTERS));
    }
    close(file);
}

void ximss_sqlite_change_tell(ximss_sqlite_store_t *store, const char *id, ximss_wake_t *changed)
{
    if (changed->count == 0 && !changed->all) {
        return;
    }
    if (store->options.changed != NULL) {
        store->options.changed(store->options.changed_baton, id, changed->mailboxes,
                               changed->all ? -1 : changed->count);
        return;
    }
    apr_cpystrn(changed->account, id, sizeof(changed->account));
    ximss_wake_send(store->data_dir, changed);
}

const ximss_error_t *ximss_sqlite_changes(ximss_store_t *base, const char *id,
                                          ximss_changes_t *changes, apr_pool_t *pool)
{
    const ximss_sqlite_store_t *store = (const ximss_sqlite_store_t *)base;
    const char *folder = apr_pstrcat(pool, store->data_dir, "/accounts/", id, NULL);
    const char *path = apr_pstrcat(pool, folder, "/changes", NULL);
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t length = 0;

    memset(changes, 0, sizeof(*changes));
    if (file >= 0) {
        length = pread(file, changes, sizeof(*changes), 0);
        close(file);
    }
    else if (errno == ENOENT && access(folder, F_OK) != 0 && errno == ENOENT) {
        return ximss_error(pool, XIMSS_E_NOT_FOUND, NULL);
    }
    else if (errno != ENOENT) {
        return ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), path);
    }
    return length < 0 ? ximss_error_apr(pool, APR_FROM_OS_ERROR(errno), path) : NULL;
}

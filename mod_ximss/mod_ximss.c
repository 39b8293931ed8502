/* The module record, and who is called when. */
#include "mod_ximss/config.h"
#include "mod_ximss/handler.h"
#include "mod_ximss/lmtp.h"
#include "mod_ximss/log.h"
#include "mod_ximss/park.h"
#include "mod_ximss/shm.h"
#include "mod_ximss/status.h"
#include "mod_ximss/stream.h"

#include <http_protocol.h>
#include <http_request.h>
#include <mpm_common.h>

static void register_hooks(apr_pool_t *pool)
{
    /* mod_log_forensic writes the request line here: ours must have hidden its secrets. */
    static const char *const before[] = {"mod_log_forensic.c", NULL};

    ap_hook_check_config(ximss_config_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(ximss_shm_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(ximss_shm_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(ximss_shm_child_stopping, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_read_request(ximss_handler_post_read, NULL, before, APR_HOOK_REALLY_FIRST);
    ap_hook_pre_translate_name(ximss_handler_pre_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(ximss_handler_claimed, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(ximss_handler_claimed, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(ximss_handler_claimed, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(ximss_handler_fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(ximss_handler_run, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(ximss_log_transaction, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ximss_park_register();
    ximss_stream_register();
    ximss_lmtp_register();
    ximss_status_register(pool);
}

AP_DECLARE_MODULE(ximss)
= {STANDARD20_MODULE_STUFF,
   NULL, /* per-directory configuration: none */
   NULL,
   ximss_config_create,
   ximss_config_merge,
   ximss_directives,
   register_hooks,
   0};

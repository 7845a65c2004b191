// SPDX-License-Identifier: Apache-2.0
// From the store, or from the file.
#include "api/endpoints/corosync_document.h"

#include <errno.h>

#include "api/call/call.h"
#include "cli/session.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/corosync_conf.h"
#include "common/model/store_keys.h"

int corosync_document_read(const struct call *call, struct corosync_conf **ret, struct error *err)
{
    struct session_value value;
    struct corosync_conf *conf = NULL;
    char *text = NULL;
    size_t size = 0;
    int r = session_read(call->arena, call->host->session, STORE_KEY_COROSYNC, &value, err);
    if (r < 0) {
        return r;
    }
    if (value.text != NULL) {
        r = corosync_conf_parse(call->arena, STORE_KEY_COROSYNC, value.text, value.size_bytes,
                                &conf, err);
    } else {
        r = file_read(call->arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size, err);
        if (r == 0) {
            r = corosync_conf_parse(call->arena, PATH_COROSYNC_CONF, text, size, &conf, err);
        }
    }
    if (r == 0 && corosync_conf_is_example(conf)) {
        r = error_set(err, -ENOENT, "this node is in no cluster");
    }
    if (r == 0) {
        *ret = conf;
    }
    return r;
}

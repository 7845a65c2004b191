// SPDX-License-Identifier: Apache-2.0
// One question and its answer.
#include "cli/cluster_call.h"

#include <stddef.h>

#include "common/base/json.h"
#include "common/host/cluster_client.h"

enum { CALL_TIMEOUT_MS = 5000 };

int ha_cluster_call(struct arena *arena, struct cluster_client *client, const char *op,
                    struct json *request, struct json **ret_answer, struct error *err)
{
    if (request == NULL) {
        request = json_new_object(arena);
    }
    json_put_string(request, "op", op);
    return cluster_client_call(client, arena, request, CALL_TIMEOUT_MS, ret_answer, err);
}

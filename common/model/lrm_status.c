// SPDX-License-Identifier: Apache-2.0
// An LRM's report as documents.
#include "common/model/lrm_status.h"

#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/sid.h"

ENUM_TABLE(
    lrm_state, LRM_STATE_MAX, [LRM_STATE_STARTUP] = "startup",
    [LRM_STATE_WAIT_FOR_AGENT_LOCK] = "wait_for_agent_lock", [LRM_STATE_ACTIVE] = "active",
    [LRM_STATE_MAINTENANCE] = "maintenance", [LRM_STATE_LOST_AGENT_LOCK] = "lost_agent_lock");

ENUM_TABLE(lrm_mode,
           LRM_MODE_MAX, [LRM_MODE_ACTIVE] = "active", [LRM_MODE_MAINTENANCE] = "maintenance",
           [LRM_MODE_DISARM] = "disarm", [LRM_MODE_RESTART] = "restart",
           [LRM_MODE_SHUTDOWN] = "shutdown", [LRM_MODE_UNKNOWN] = "unknown");

struct lrm_status *lrm_status_new(struct arena *arena)
{
    struct lrm_status *status = arena_new_of(arena, struct lrm_status);
    map_init_arena(&status->results, arena);
    return status;
}

// `uid`: NULL when it stands among the other keys.
static int lrm_read_result(struct arena *arena, const char *uid, const struct json *json,
                           struct lrm_result **ret, struct error *err)
{
    struct lrm_result *result = arena_new_of(arena, struct lrm_result);
    const char *state = NULL;
    result->uid = uid;
    if (json->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "expected an object");
    }
    int r = uid == NULL ? json_get_string(json, "uid", &result->uid, err) : 0;
    if (r < 0 || (r = json_get_string(json, "sid", &result->sid, err)) < 0 ||
        (r = json_get_string(json, "state", &state, err)) < 0 ||
        (r = json_get_int(json, "exit_code", INT32_MIN, INT32_MAX, &result->exit_code, err)) < 0 ||
        (r = json_get_string_if(json, "reason", &result->reason, err)) < 0 ||
        (r = json_get_string_if(json, "output", &result->output, err)) < 0 ||
        (r = json_get_string_if(json, "health", &result->health, err)) < 0) {
        return r;
    }
    if (sid_check(result->sid, err) < 0) {
        return error_prefix(err, "key 'sid'");
    }
    if (svc_state_from_string(state, &result->state) < 0) {
        return error_set(err, -EINVAL, "key 'state': unknown value '%s'", state);
    }
    *ret = result;
    return 0;
}

static int lrm_read_results(struct arena *arena, const struct json *json, struct lrm_status *status,
                            struct error *err)
{
    const struct json *results = NULL;
    int r = json_get_object_if(json, "results", &results, err);
    if (r < 0 || results == NULL) {
        return r;
    }
    json_each (e, results) {
        struct lrm_result *result = NULL;
        r = lrm_read_result(arena, e->key, e->value, &result, err);
        if (r < 0) {
            return error_prefix(err, "key 'results': '%s'", e->key);
        }
        map_put(&status->results, e->key, result);
    }
    return 0;
}

int lrm_status_parse(struct arena *arena, const char *text, size_t size_bytes,
                     struct lrm_status **ret, struct error *err)
{
    struct json *json = NULL;
    int r = json_parse_object(arena, text, size_bytes, &json, err);
    if (r < 0) {
        return r;
    }
    struct lrm_status *status = lrm_status_new(arena);
    const char *state = NULL;
    const char *mode = NULL;
    if ((r = json_get_string_if(json, "state", &state, err)) < 0 ||
        (r = json_get_string_if(json, "mode", &mode, err)) < 0 ||
        (r = json_get_int_if(json, "timestamp", 0, INT64_MAX, &status->timestamp_s, err)) < 0 ||
        (r = lrm_read_results(arena, json, status, err)) < 0) {
        return r;
    }
    if (state != NULL && lrm_state_from_string(state, &status->state) < 0) {
        return error_set(err, -EINVAL, "key 'state': unknown value '%s'", state);
    }
    // A missing or empty mode reads as active.
    if (mode != NULL && *mode != '\0' && lrm_mode_from_string(mode, &status->mode) < 0) {
        return error_set(err, -EINVAL, "key 'mode': unknown value '%s'", mode);
    }
    *ret = status;
    return 0;
}

int lrm_result_parse(struct arena *arena, const char *text, size_t size_bytes,
                     struct lrm_result **ret, struct error *err)
{
    struct json *json = NULL;
    int r = json_parse(arena, text, size_bytes, &json, err);
    return r < 0 ? r : lrm_read_result(arena, NULL, json, ret, err);
}

static struct json *lrm_result_to_json(struct arena *arena, const struct lrm_result *result)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "sid", result->sid);
    json_put_string(json, "state", svc_state_to_string(result->state));
    json_put_int(json, "exit_code", result->exit_code);
    json_put_string(json, "reason", result->reason);
    json_put_string(json, "output", result->output);
    json_put_string(json, "health", result->health);
    return json;
}

char *lrm_result_format(struct arena *arena, const struct lrm_result *result)
{
    struct json *json = lrm_result_to_json(arena, result);
    json_put_string(json, "uid", result->uid);
    return json_to_text(arena, json);
}

static const char *lrm_text_copy(char **at, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size_bytes = strlen(text) + 1;
    char *copy = memcpy(*at, text, size_bytes);
    *at += size_bytes;
    return copy;
}

struct lrm_result *lrm_result_clone(const struct lrm_result *result)
{
    const char *const texts[] = {result->uid, result->sid, result->reason, result->output,
                                 result->health};
    size_t size_bytes = sizeof(*result);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        size_bytes += texts[i] != NULL ? strlen(texts[i]) + 1 : 0;
    }
    struct lrm_result *copy = alloc_zero(size_bytes);
    char *at = (char *)(copy + 1);
    *copy = *result;
    copy->uid = lrm_text_copy(&at, result->uid);
    copy->sid = lrm_text_copy(&at, result->sid);
    copy->reason = lrm_text_copy(&at, result->reason);
    copy->output = lrm_text_copy(&at, result->output);
    copy->health = lrm_text_copy(&at, result->health);
    return copy;
}

static bool lrm_text_is_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool lrm_result_is_equal(const struct lrm_result *a, const struct lrm_result *b)
{
    return a->state == b->state && a->exit_code == b->exit_code &&
           lrm_text_is_equal(a->uid, b->uid) && lrm_text_is_equal(a->sid, b->sid) &&
           lrm_text_is_equal(a->reason, b->reason) && lrm_text_is_equal(a->output, b->output) &&
           lrm_text_is_equal(a->health, b->health);
}

char *lrm_status_format(struct arena *arena, const struct lrm_status *status)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "state", lrm_state_to_string(status->state));
    json_put_string(json, "mode", lrm_mode_to_string(status->mode));
    json_put_int(json, "timestamp", status->timestamp_s);
    struct json *results = json_new_object(arena);
    map_each (e, &status->results) {
        json_put(results, e->key, lrm_result_to_json(arena, e->value));
    }
    if (status->results.count > 0) {
        json_put(json, "results", results);
    }
    return json_to_text(arena, json);
}

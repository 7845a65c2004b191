// SPDX-License-Identifier: Apache-2.0
// Changes of fence devices, from requests to transactions.
#include "cli/fence_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/fence_agent.h"
#include "common/host/fence_trial.h"
#include "common/model/fence_config.h"
#include "common/model/fence_metadata.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum { SECRET_FILE_MAX = 64 * 1024, DAY_S = 86400 };

int fence_stored_read(struct arena *arena, const struct session *session, struct fence_stored *ret,
                      struct error *err)
{
    struct fence_stored stored;
    int r = fence_config_read(session->store, arena, &stored.config, &stored.version, err);
    if (r == 0) {
        *ret = stored;
    }
    return r;
}

int fence_stored_find(const struct fence_stored *stored, const char *name,
                      const struct fence_device **ret, struct error *err)
{
    const struct fence_device *device = map_find(&stored->config->devices, name);
    if (device != NULL) {
        *ret = device;
        return 0;
    }
    struct strbuf known CLEANUP(strbuf_done) = {0};
    map_each (e, &stored->config->devices) {
        strbuf_appendf(&known, "%s%s", known.size_bytes > 0 ? ", " : "", e->key);
    }
    return error_set(err, -ENOENT, "no fence device '%s', there are: %s", name,
                     known.size_bytes > 0 ? strbuf_text(&known) : "none");
}

void fence_request_init(struct arena *arena, struct fence_request *request)
{
    *request = (struct fence_request){.delay_s = -1};
    map_init_arena(&request->params, arena);
    map_init_arena(&request->secrets, arena);
}

int fence_request_param(struct arena *arena, struct fence_request *request, const char *text,
                        struct error *err)
{
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const char *key = arena_memdup(arena, text, length);
    if (fence_param_is_secret(key)) {
        // The value is not repeated.
        return error_set(err, -EINVAL,
                         "'%s' is a secret, and a command line can be read by others: use "
                         "--secret %s or --secret-file",
                         key, key);
    }
    if (equals == NULL) {
        return error_set(err, -EINVAL, "'%s': expected KEY=VALUE", text);
    }
    if (map_has(&request->params, key)) {
        return error_set(err, -EINVAL, "'%s' is given twice", key);
    }
    int r = fence_param_check(key, equals + 1, err);
    if (r == 0) {
        map_put(&request->params, key, arena_strdup(arena, equals + 1));
    }
    return r;
}

static int secret_file_read(struct arena *arena, int fd, const char *path, char **ret,
                            struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return error_set_errno(err, -errno, "cannot look at '%s'", path);
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        return error_set(err, -EPERM,
                         "'%s' is not a file that only you can read: 'chown root' and 'chmod 600' "
                         "it",
                         path);
    }
    char *text = arena_alloc(arena, SECRET_FILE_MAX + 1);
    size_t size = 0;
    ssize_t n = 1;
    while (n != 0 && size < SECRET_FILE_MAX) {
        n = read(fd, text + size, SECRET_FILE_MAX - size);
        if (n < 0 && errno != EINTR) {
            return error_set_errno(err, -errno, "cannot read '%s'", path);
        }
        size += n > 0 ? (size_t)n : 0;
    }
    if (size == SECRET_FILE_MAX || strlen(text) != size) {
        return error_set(err, -EFBIG, "'%s' is larger than %d bytes, or no text", path,
                         SECRET_FILE_MAX - 1);
    }
    *ret = text;
    return 0;
}

int fence_request_secret_file(struct arena *arena, struct fence_request *request, const char *path,
                              struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open '%s'", path);
    }
    char *text = NULL;
    int r = secret_file_read(arena, fd, path, &text, err);
    (void)close(fd);
    if (r == 0) {
        r = fence_secrets_parse(arena, text, &request->secrets, err);
        r = r < 0 ? error_prefix(err, "'%s'", path) : 0;
    }
    return r;
}

// A device and its secrets as they shall be.
struct fence_draft {
    struct fence_device *device;
    struct map secrets;
    uint64_t secrets_version;
    bool agent_concerned; // something changed that the agent has to understand
};

static int draft_remove(struct fence_draft *draft, const char *name, struct error *err)
{
    struct fence_device *device = draft->device;
    if (map_remove(&device->params, name) || map_remove(&draft->secrets, name)) {
        draft->agent_concerned = true;
    } else if (strcmp(name, "delay") == 0) {
        device->delay_s = 0;
    } else if (strcmp(name, "level") == 0) {
        device->level = 1;
    } else if (strcmp(name, "timeout") == 0) {
        device->timeout_s = FENCE_TIMEOUT_DEFAULT_S;
    } else if (strcmp(name, "disabled") == 0) {
        device->disabled = false;
    } else {
        return error_set(err, -ENOENT,
                         "device '%s' has no parameter or secret '%s'; delay, disabled, level and "
                         "timeout can be set back too",
                         device->name, name);
    }
    return 0;
}

static int draft_set_nodes(struct arena *arena, const struct session *session,
                           struct fence_draft *draft, const char *nodes, struct error *err)
{
    struct map parsed;
    map_init_arena(&parsed, arena);
    int r = fence_nodes_parse(arena, nodes, &parsed, err);
    if (r == 0) {
        map_each (e, &parsed) {
            r = r == 0 ? session_check_node(arena, session, e->key, err) : r;
        }
    }
    if (r == 0) {
        draft->device->nodes = parsed;
        draft->agent_concerned = true;
    }
    return r;
}

static int draft_apply(struct arena *arena, const struct session *session,
                       struct fence_draft *draft, const struct fence_request *request,
                       struct error *err)
{
    struct fence_device *device = draft->device;
    int r = 0;
    if (request->removed != NULL) {
        struct parse_words words = parse_list(arena, request->removed);
        for (size_t i = 0; r == 0 && i < words.count; i++) {
            r = draft_remove(draft, words.words[i], err);
        }
    }
    if (r == 0 && request->agent != NULL) {
        device->agent = request->agent;
        draft->agent_concerned = true;
        r = fence_agent_name_check(request->agent, err);
    }
    if (r == 0 && request->nodes != NULL) {
        r = draft_set_nodes(arena, session, draft, request->nodes, err);
    }
    if (r < 0) {
        return r;
    }
    device->level = request->level != 0 ? request->level : device->level;
    device->delay_s = request->delay_s >= 0 ? request->delay_s : device->delay_s;
    device->timeout_s = request->timeout_s != 0 ? request->timeout_s : device->timeout_s;
    device->disabled = request->has_disabled ? request->disabled : device->disabled;
    map_each (e, &request->params) {
        map_put(&device->params, e->key, e->value);
        (void)map_remove(&draft->secrets, e->key); // one place for each
        draft->agent_concerned = true;
    }
    map_each (e, &request->secrets) {
        map_put(&draft->secrets, e->key, e->value);
        (void)map_remove(&device->params, e->key);
        draft->agent_concerned = true;
    }
    return 0;
}

static int draft_read_secrets(struct arena *arena, const struct session *session,
                              struct fence_draft *draft, struct error *err)
{
    struct session_value value;
    const char *key = arena_printf(arena, STORE_PREFIX_FENCE_SECRET "%s", draft->device->name);
    map_init_arena(&draft->secrets, arena);
    int r = session_read(arena, session, key, &value, err);
    if (r == 0) {
        draft->secrets_version = value.version;
        r = value.text != NULL ? fence_secrets_parse(arena, value.text, &draft->secrets, err) : 0;
    }
    return r;
}

// The agent must be on this node and understand the device. Other nodes should have the same one; a
// node that has not says so when it is master and tries the device.
static int draft_check(struct arena *arena, const struct fence_draft *draft, struct error *err)
{
    struct fence_metadata metadata;
    int r = fence_agent_metadata(arena, draft->device->agent, &metadata, err);
    return r < 0 ? r : fence_metadata_check(arena, &metadata, draft->device, &draft->secrets, err);
}

static int stored_write(struct arena *arena, const struct session *session,
                        const struct fence_stored *stored, const struct fence_draft *draft,
                        const char *what, struct error *err)
{
    struct fence_config *again;
    const char *text = fence_config_format(arena, stored->config);
    int r = fence_config_parse(arena, text, &again, err); // what nobody could read is not written
    if (r < 0) {
        return r;
    }
    struct store_op ops[2] = {{.key = STORE_KEY_FENCE,
                               .value = text,
                               .size_bytes = strlen(text),
                               .expect = stored->version}};
    size_t count = 1;
    bool there = draft != NULL && draft->secrets_version != STORE_ABSENT;
    if (draft != NULL && (there || draft->secrets.count > 0)) {
        const char *secrets = fence_secrets_format(arena, &draft->secrets);
        bool keep = draft->secrets.count > 0;
        ops[count++] = (struct store_op){
            .key = arena_printf(arena, STORE_PREFIX_FENCE_SECRET "%s", draft->device->name),
            .value = keep ? secrets : NULL,
            .size_bytes = keep ? strlen(secrets) : 0,
            .expect = draft->secrets_version,
        };
    }
    return session_write(session, what, ops, count, err);
}

int fence_device_put(struct arena *arena, const struct session *session, const char *name,
                     const struct fence_request *request, bool exists, struct error *err)
{
    struct fence_stored stored;
    struct fence_draft draft = {0};
    const struct fence_device *device = NULL;
    int r = config_id_check(name, err);
    if (r == 0) {
        r = fence_stored_read(arena, session, &stored, err);
    }
    if (r == 0 && exists) {
        r = fence_stored_find(&stored, name, &device, err);
    } else if (r == 0 && map_has(&stored.config->devices, name)) {
        r = error_set(err, -EEXIST, "fence device '%s' exists already: use 'fence set'", name);
    }
    if (r < 0) {
        return r;
    }
    draft.device =
        device != NULL ? fence_device_copy(arena, device) : fence_device_new(arena, name);
    r = draft_read_secrets(arena, session, &draft, err);
    if (r == 0 && !exists) {
        map_clear(&draft.secrets); // of a device of that name that was here once
    }
    if (r == 0) {
        r = draft_apply(arena, session, &draft, request, err);
    }
    if (r == 0 && draft.agent_concerned) {
        r = draft_check(arena, &draft, err);
    }
    if (r < 0) {
        return r;
    }
    map_put(&stored.config->devices, name, draft.device);
    return stored_write(arena, session, &stored, &draft,
                        arena_printf(arena, "fence device '%s'", name), err);
}

int fence_device_remove(struct arena *arena, const struct session *session, const char *name,
                        struct error *err)
{
    struct fence_stored stored;
    const struct fence_device *device = NULL;
    int r = fence_stored_read(arena, session, &stored, err);
    if (r == 0) {
        r = fence_stored_find(&stored, name, &device, err);
    }
    if (r < 0) {
        return r;
    }
    struct fence_draft draft = {.device = fence_device_copy(arena, device)};
    r = draft_read_secrets(arena, session, &draft, err);
    if (r < 0) {
        return r;
    }
    map_clear(&draft.secrets);
    (void)map_remove(&stored.config->devices, name);
    r = stored_write(arena, session, &stored, &draft,
                     arena_printf(arena, "fence device '%s'", name), err);
    if (r == 0) {
        const struct store_op op = {.key = arena_printf(arena, STORE_PREFIX_LIVE_FENCE "%s", name),
                                    .expect = STORE_ANY};
        // What stays of the last trial would vanish with the next restart of the cluster.
        ignore_result(session_write(session, "the last trial", &op, 1, NULL));
    }
    return r;
}

int fence_self_test_set(struct arena *arena, const struct session *session, int64_t interval_s,
                        struct error *err)
{
    struct fence_stored stored;
    int r = fence_stored_read(arena, session, &stored, err);
    if (r == 0) {
        stored.config->self_test_interval_s = interval_s;
        r = stored_write(arena, session, &stored, NULL, "the options of fencing", err);
    }
    return r;
}

int fence_interval_parse(const char *text, int64_t *ret_interval_s, struct error *err)
{
    int64_t ms = 0;
    int64_t days = 0;
    int64_t interval_s = -1;
    size_t length = strlen(text);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (strcmp(text, "never") == 0) {
        interval_s = 0;
    } else if (length > 1 && text[length - 1] == 'd' &&
               parse_int64(arena_memdup(arena, text, length - 1), 0, FENCE_SELF_TEST_MAX_S / DAY_S,
                           &days) == 0) {
        interval_s = days * DAY_S;
    } else if (parse_duration_ms(text, &ms) == 0) {
        interval_s = ms / 1000;
    }
    bool allowed = interval_s == 0 ||
                   (interval_s >= FENCE_SELF_TEST_MIN_S && interval_s <= FENCE_SELF_TEST_MAX_S);
    if (!allowed) {
        return error_set(err, -EINVAL,
                         "'%.80s' is not 'never' and no time from 1m to 365d, such as 12h or 1d",
                         text);
    }
    *ret_interval_s = interval_s;
    return 0;
}

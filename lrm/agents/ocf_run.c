// SPDX-License-Identifier: Apache-2.0
// What an agent is told, and what it answered.
#include "lrm/agents/ocf_run.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "lrm/agents/service_process.h"

#define OCF_REASON_PREFIX "ocf-exit-reason:"
// The folder that the agents' common library keeps state files in; it is empty after a boot.
#define OCF_AGENTS_FOLDER "/run/resource-agents"

enum { OCF_ENVIRONMENT_MAX = 512 };

// --- What the agent is told. ---

struct ocf_environment {
    struct arena *arena;
    const char *entries[OCF_ENVIRONMENT_MAX + 1];
    size_t count;
};

static void ocf_put(struct ocf_environment *environment, const char *name, const char *value)
{
    if (environment->count < OCF_ENVIRONMENT_MAX) {
        environment->entries[environment->count++] =
            arena_printf(environment->arena, "%s=%s", name, value);
    }
}

static void ocf_put_int(struct ocf_environment *environment, const char *name, int64_t value)
{
    ocf_put(environment, name, arena_printf(environment->arena, "%" PRId64, value));
}

static void ocf_environment_make(struct ocf_environment *environment,
                                 const struct ocf_run_spec *spec)
{
    const struct ocf_definition *definition = spec->definition;
    ocf_put(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    ocf_put(environment, "LANG", "C.UTF-8");
    ocf_put(environment, "HOME", "/root");
    ocf_put(environment, "OCF_ROOT", ocf_root());
    ocf_put(environment, "OCF_RA_VERSION_MAJOR", "1");
    ocf_put(environment, "OCF_RA_VERSION_MINOR", "0");
    ocf_put(environment, "OCF_EXIT_REASON_PREFIX", OCF_REASON_PREFIX);
    ocf_put(environment, "OCF_RESOURCE_INSTANCE", definition->name);
    ocf_put(environment, "OCF_RESOURCE_PROVIDER", definition->provider);
    ocf_put(environment, "OCF_RESOURCE_TYPE", definition->type);
    if (spec->verb == OCF_VERB_METADATA) {
        return;
    }
    if (spec->verb == OCF_VERB_MONITOR) {
        ocf_put(environment, "OCF_CHECK_LEVEL", "0");
    }
    ocf_put(environment, "OCF_RESKEY_CRM_meta_name", ocf_verb_word(spec->verb));
    ocf_put_int(environment, "OCF_RESKEY_CRM_meta_timeout", spec->timeout_ms);
    ocf_put_int(environment, "OCF_RESKEY_CRM_meta_interval", spec->interval_ms);
    ocf_put(environment, "OCF_RESKEY_CRM_meta_on_node", spec->node);
    map_each (e, &definition->params) {
        ocf_put(environment, arena_printf(environment->arena, "OCF_RESKEY_%s", e->key), e->value);
    }
}

// The last reason that was given.
static const char *ocf_reason(struct arena *arena, const char *text)
{
    const char *found = NULL;
    for (const char *at = strstr(text, OCF_REASON_PREFIX); at != NULL;
         at = strstr(at + 1, OCF_REASON_PREFIX)) {
        found = at == text || at[-1] == '\n' ? at + strlen(OCF_REASON_PREFIX) : found;
    }
    return found != NULL ? arena_memdup(arena, found, strcspn(found, "\n")) : NULL;
}

int ocf_run(struct arena *arena, const struct ocf_run_spec *spec, struct ocf_run_result *ret,
            struct error *err)
{
    struct ocf_environment *environment = arena_new_of(arena, struct ocf_environment);
    const char *const argv[] = {spec->program, ocf_verb_word(spec->verb), NULL};
    struct service_process_end end;
    environment->arena = arena;
    ocf_environment_make(environment, spec);
    if (environment->count >= OCF_ENVIRONMENT_MAX) {
        return error_set(err, -E2BIG, "too many parameters for an agent");
    }
    (void)mkdir(OCF_AGENTS_FOLDER, 01755); // it is there, or the agent that needs it says so
    const struct service_process_spec process = {.argv = argv,
                                                 .environment = environment->entries,
                                                 .cgroup = spec->cgroup,
                                                 .timeout_ms = spec->timeout_ms};
    int r = service_process_run(arena, &process, &end, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct ocf_run_result){
        .code = end.timed_out          ? OCF_CODE_TIMEOUT
                : end.exit_status >= 0 ? end.exit_status
                                       : OCF_CODE_SIGNAL,
        .reason = ocf_reason(arena, end.text),
        .output = service_process_tail(arena, end.text, OCF_REASON_PREFIX, OCF_RUN_TAIL_MAX),
        .text = end.text,
    };
    return 0;
}

const char *ocf_code_words(struct arena *arena, int code)
{
    static const char *const words[] = {"success",         "error",         "wrong arguments",
                                        "not implemented", "no permission", "not installed",
                                        "not configured",  "not running",   "running promoted",
                                        "failed promoted"};
    if (code == OCF_CODE_TIMEOUT) {
        return "it took too long";
    }
    if (code == OCF_CODE_SIGNAL) {
        return "it died by a signal";
    }
    return arena_printf(arena, "%s (%d)",
                        code >= 0 && (size_t)code < ARRAY_SIZE(words) ? words[code] : "error",
                        code);
}

int ocf_code_errno(int code)
{
    switch (code) {
    case OCF_CODE_ARGS:
    case OCF_CODE_CONFIGURED:
        return -EINVAL;
    case OCF_CODE_UNIMPLEMENTED:
        return -ENOTSUP;
    case OCF_CODE_PERM:
        return -EACCES;
    case OCF_CODE_INSTALLED:
        return -ENOENT;
    case OCF_CODE_NOT_RUNNING:
        return -ESRCH;
    case OCF_CODE_TIMEOUT:
        return -ETIMEDOUT;
    default: // of other people's numbers there are always more
        return -EIO;
    }
}

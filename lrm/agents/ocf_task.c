// SPDX-License-Identifier: Apache-2.0
// Notes, metadata, verbs and looks of one OCF service on this node.
#include "lrm/agents/ocf_task.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/ocf_metadata.h"
#include "common/model/sid.h"
#include "lrm/agents/service_task.h"

enum {
    OCF_NOTE_MAX = 1024 * 1024,
    OCF_VERBS_KILL_MS = 5000,
    OCF_REGULAR_INTERVAL_MS = 10 * 1000, // how often the LRM looks after a service
};

static const char *ocf_folder(struct arena *arena)
{
    return arena_printf(arena, "%s/ocf", paths_run_dir());
}

static int ocf_make_folder(struct arena *arena, struct error *err)
{
    int r = file_make_directory(paths_run_dir(), 0700, err);
    return r < 0 ? r : file_make_directory(ocf_folder(arena), 0700, err);
}

// --- Metadata. ---

int ocf_task_metadata(struct arena *arena, const struct ocf_definition *definition,
                      const char *program, struct ocf_metadata *ret, struct error *err)
{
    const char *cache = arena_printf(arena, "%s/metadata.%s.%s", ocf_folder(arena),
                                     definition->provider, definition->type);
    struct stat of_program;
    struct stat of_cache;
    char *text = NULL;
    size_t size = 0;
    if (stat(program, &of_program) == 0 && stat(cache, &of_cache) == 0 &&
        of_cache.st_mtime > of_program.st_mtime && of_cache.st_mtime > of_program.st_ctime &&
        file_read(arena, cache, OCF_METADATA_MAX, &text, &size, NULL) == 0 &&
        ocf_metadata_parse(arena, text, ret, NULL) == 0) {
        return 0;
    }
    struct ocf_run_result result;
    const struct ocf_run_spec spec = {.definition = definition,
                                      .program = program,
                                      .verb = OCF_VERB_METADATA,
                                      .timeout_ms = OCF_TIMEOUT_MIN_MS};
    int r = ocf_run(arena, &spec, &result, err);
    if (r == 0 && result.code != OCF_CODE_SUCCESS) {
        r = error_set(err, ocf_code_errno(result.code), "its action meta-data failed: %s",
                      ocf_code_words(arena, result.code));
    }
    if (r == 0) {
        r = ocf_metadata_parse(arena, result.text, ret, err);
    }
    if (r < 0) {
        return error_prefix(err, "agent '%s:%s'", definition->provider, definition->type);
    }
    if (ocf_make_folder(arena, NULL) == 0) {
        // Without a cache it is asked again each time.
        ignore_result(file_replace(cache, result.text, strlen(result.text), 0600, NULL));
    }
    return 0;
}

// --- Definition and note. ---

static const char *ocf_note_path(struct ocf_task *task)
{
    return arena_printf(task->arena, "%s/%s.json", ocf_folder(task->arena), sid_name(task->sid));
}

int ocf_task_define(struct ocf_task *task, const struct guest *guest, struct error *err)
{
    struct ocf_metadata metadata;
    int r = ocf_definition_read(task->arena, guest, &task->definition, err);
    if (r < 0) {
        return r;
    }
    task->defined = true;
    task->program = NULL;
    bool known =
        ocf_definition_program(task->arena, &task->definition, &task->program, NULL) == 0 &&
        ocf_task_metadata(task->arena, &task->definition, task->program, &metadata, NULL) == 0;
    ocf_definition_take_times(&task->definition, known ? &metadata : NULL);
    return 0;
}

static int ocf_read_note(struct ocf_task *task, struct guest **ret, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    const char *path = ocf_note_path(task);
    int r = file_read(task->arena, path, OCF_NOTE_MAX, &text, &size, err);
    if (r == -ENOENT) {
        error_clear(err);
        return 0;
    }
    if (r == 0) {
        r = guest_parse(task->arena, text, size, ret, err);
    }
    return r < 0 ? error_prefix(err, "note of what was started here ('%s')", path) : 0;
}

int ocf_task_begin(struct ocf_task *task, const char *node, const char *sid,
                   const struct guest *guest, struct error *err)
{
    *task = (struct ocf_task){.node = node, .sid = sid, .lock_fd = -1};
    struct guest *noted = NULL;
    struct error own = {0};
    task->arena = arena_new();
    task->payload = arena_printf(task->arena, "ocf.%s.payload", sid_name(sid));
    task->verbs = arena_printf(task->arena, "ocf.%s.verb", sid_name(sid));
    int r = ct_cgroup_find(task->arena, &task->places, &own);
    if (r == 0) {
        r = ocf_read_note(task, &noted, &own);
    }
    task->noted = noted != NULL;
    if (r == 0 && (noted != NULL || guest != NULL)) {
        r = ocf_task_define(task, noted != NULL ? noted : guest, &own);
    }
    return r < 0 ? error_set(err, r, "%s", own.text) : 0;
}

void ocf_task_end(struct ocf_task *task)
{
    if (task->lock_fd >= 0) {
        (void)close(task->lock_fd); // gives the lock back
    }
    arena_free(task->arena);
}

int ocf_task_note(struct ocf_task *task, const struct guest *guest, struct error *err)
{
    int r = ocf_make_folder(task->arena, err);
    if (r == 0) {
        const char *text = guest_format(task->arena, guest);
        r = file_replace(ocf_note_path(task), text, strlen(text), 0600, err);
    }
    task->noted = task->noted || r == 0;
    return r;
}

void ocf_task_forget(struct ocf_task *task)
{
    if (unlink(ocf_note_path(task)) == 0 || errno == ENOENT) {
        task->noted = false;
    }
    ct_cgroup_remove(&task->places, CT_CGROUP_SERVICE, task->payload);
    ct_cgroup_remove(&task->places, CT_CGROUP_SERVICE, task->verbs);
}

// --- Verbs. ---

// Where the group is made: in the hierarchy that counts processes, or in the only one.
static int ocf_make_group(struct ocf_task *task, const char *id, const char **ret,
                          struct error *err)
{
    static const char *const wanted[] = {"/sys/fs/cgroup/pids", "/sys/fs/cgroup",
                                         "/sys/fs/cgroup/unified"};
    const char *folder = NULL;
    for (size_t w = 0; w < ARRAY_SIZE(wanted) && folder == NULL; w++) {
        for (size_t i = 0; i < task->places.count && folder == NULL; i++) {
            const char *place = task->places.places[i].folder;
            folder = strcmp(place, wanted[w]) == 0 ? place : NULL;
        }
    }
    if (folder == NULL) {
        return error_set(err, -ENOTSUP,
                         "no control group hierarchy at its usual place: nothing could be proved "
                         "about services");
    }
    const char *path = arena_printf(task->arena, "%s/ha-manager.%s", folder, id);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        return error_set_errno(err, -errno, "cannot make control group '%s'", path);
    }
    *ret = path;
    return 0;
}

int ocf_task_run(struct ocf_task *task, enum ocf_verb verb, int64_t timeout_ms,
                 struct ocf_run_result *ret, struct error *err)
{
    bool start = verb == OCF_VERB_START;
    struct ocf_run_spec spec = {
        .definition = &task->definition,
        .program = task->program,
        .node = task->node,
        .verb = verb,
        .interval_ms = verb == OCF_VERB_MONITOR && task->noted ? OCF_REGULAR_INTERVAL_MS : 0,
        .timeout_ms = timeout_ms,
    };
    int r = ocf_make_group(task, start ? task->payload : task->verbs, &spec.cgroup, err);
    if (r == 0) {
        r = ocf_run(task->arena, &spec, ret, err);
    }
    if (r == 0 && !start) {
        r = ct_cgroup_kill(&task->places, CT_CGROUP_SERVICE, task->verbs, OCF_VERBS_KILL_MS, err);
        ct_cgroup_remove(&task->places, CT_CGROUP_SERVICE, task->verbs);
    }
    return r;
}

static const char *ocf_fail_words(struct ocf_task *task, const struct ocf_run_result *result)
{
    const char *more = result->reason;
    if (more == NULL && result->output[0] != '\0') {
        const char *last = strrchr(result->output, '\n');
        more = last != NULL ? last + 1 : result->output;
    }
    return arena_printf(task->arena, "%s%s%s", ocf_code_words(task->arena, result->code),
                        more != NULL ? ": " : "", more != NULL ? more : "");
}

int ocf_task_fail(struct ocf_task *task, enum ocf_verb verb, const struct ocf_run_result *result,
                  struct error *err)
{
    task->output = result->output[0] != '\0' ? result->output : NULL;
    return error_set(err, ocf_code_errno(result->code), "%s of '%s:%s' failed: %s",
                     ocf_verb_word(verb), task->definition.provider, task->definition.type,
                     ocf_fail_words(task, result));
}

// --- Looks. ---

int ocf_task_scan(struct ocf_task *task, bool both, bool *ret_left, struct error *err)
{
    struct ct_cgroup_scan payload;
    struct ct_cgroup_scan verbs = {0};
    int r =
        ct_cgroup_scan(task->arena, &task->places, CT_CGROUP_SERVICE, task->payload, &payload, err);
    if (r == 0 && both) {
        r = ct_cgroup_scan(task->arena, &task->places, CT_CGROUP_SERVICE, task->verbs, &verbs, err);
    }
    if (r == 0) {
        *ret_left = payload.populated || verbs.populated;
    }
    return r;
}

static void ocf_look_failed(struct ocf_task *task, const char *words,
                            const struct ocf_run_result *result)
{
    task->why = arena_printf(task->arena, "monitor of '%s:%s': %s", task->definition.provider,
                             task->definition.type, words);
    task->output = result->output[0] != '\0' ? result->output : NULL;
}

int ocf_task_look(struct ocf_task *task, int64_t timeout_ms, enum ocf_state *ret, struct error *err)
{
    struct ocf_run_result result;
    bool left = false;
    int r = ocf_task_scan(task, false, &left, err);
    if (r < 0) {
        return r;
    }
    bool unknown = !task->noted && !left; // nothing is known to have been started here
    if (!task->defined || task->program == NULL) {
        if (unknown) {
            *ret = OCF_STATE_STOPPED;
            return 0;
        }
        return task->defined
                   ? ocf_definition_program(task->arena, &task->definition, &task->program, err)
                   : error_set(err, -ENOENT,
                               "processes of it are left, and how to stop "
                               "them is not known");
    }
    r = ocf_task_run(task, OCF_VERB_MONITOR, timeout_ms, &result, err);
    if (r < 0) {
        return r;
    }
    if (result.code == OCF_CODE_SUCCESS || result.code == OCF_CODE_PROMOTED) {
        *ret = OCF_STATE_RUNNING;
    } else if (result.code == OCF_CODE_NOT_RUNNING && left) {
        ocf_look_failed(task, "not running (7), but processes of it are left", &result);
        *ret = OCF_STATE_FAILED;
    } else if (result.code == OCF_CODE_NOT_RUNNING ||
               (result.code == OCF_CODE_INSTALLED && unknown)) {
        *ret = OCF_STATE_STOPPED; // what is not installed was not started
    } else {
        ocf_look_failed(task, ocf_fail_words(task, &result), &result);
        *ret = OCF_STATE_FAILED;
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// The services that the contract tests run: a container, a service of an OCF agent that starts a
// process, and one of an installed agent that has none.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/guest_template.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/model/guest.h"
#include "lrm/agents/ct.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/ocf.h"
#include "lrm/agents/unit.h"
#include "tests/contract/agent_subject.h"
#include "tests/contract/fake_service_manager.h"
#include "tests/contract/ocf_test_agent.h"

static bool group_is_used(struct arena *arena, enum ct_cgroup_kind kind, const char *id)
{
    struct ct_cgroup_places places;
    struct ct_cgroup_scan scan;
    return ct_cgroup_find(arena, &places, NULL) < 0 ||
           ct_cgroup_scan(arena, &places, kind, id, &scan, NULL) < 0 || scan.populated ||
           scan.folders_count > 0;
}

// --- ct ---

#define CT_ROOTFS SUBJECT_FOLDER "/ct-rootfs"

static int ct_prepare(struct arena *arena, const char **ret_skip)
{
    struct error err = {0};
    int r = guest_template_make(CT_ROOTFS, &err);
    *ret_skip = r < 0 ? arena_strdup(arena, err.text) : NULL;
    return r;
}

static void ct_define(struct arena *arena, struct guest *guest)
{
    map_put(&guest->config, "rootfs", arena_strdup(arena, CT_ROOTFS));
    map_put(&guest->config, "halt-signal", arena_strdup(arena, "SIGUSR1"));
}

static void ct_end(struct arena *arena)
{
    (void)arena;
    pid_t init = ct_agent_init_pid("ct:100");
    if (init > 0) {
        (void)kill(init, SIGKILL);
    }
}

static bool ct_is_left(struct arena *arena)
{
    return group_is_used(arena, CT_CGROUP_PAYLOAD, "100") ||
           group_is_used(arena, CT_CGROUP_MONITOR, "100");
}

static const struct agent_subject ct_subject = {
    .name = "ct",
    .sid = "ct:100",
    .prepare = ct_prepare,
    .define = ct_define,
    .end = ct_end,
    .is_left = ct_is_left,
    .has_process = true,
};

// --- ocf ---

#define OCF_PIDFILE SUBJECT_FOLDER "/ocf.pid"

static int ocf_prepare(struct arena *arena, const char **ret_skip)
{
    struct error err = {0};
    int r = ocf_test_agent_make(SUBJECT_FOLDER "/ocf", &err);
    *ret_skip = r < 0 ? arena_strdup(arena, err.text) : NULL;
    return r;
}

static void ocf_define(struct arena *arena, struct guest *guest)
{
    map_put(&guest->config, "agent", arena_strdup(arena, "test:daemon"));
    map_put(&guest->config, "param.pidfile", arena_strdup(arena, OCF_PIDFILE));
}

static void ocf_end(struct arena *arena)
{
    (void)arena;
    pid_t process = ocf_agent_init_pid("ocf:one");
    if (process > 0) {
        (void)kill(process, SIGKILL);
    }
}

static bool ocf_is_left(struct arena *arena)
{
    return access(OCF_PIDFILE, F_OK) == 0 ||
           group_is_used(arena, CT_CGROUP_SERVICE, "ocf.one.payload") ||
           group_is_used(arena, CT_CGROUP_SERVICE, "ocf.one.verb");
}

static const struct agent_subject ocf_subject = {
    .name = "ocf",
    .sid = "ocf:one",
    .prepare = ocf_prepare,
    .define = ocf_define,
    .end = ocf_end,
    .is_left = ocf_is_left,
    .has_process = true,
};

// --- An installed agent, whose services are no processes. ---

#define DUMMY_STATE SUBJECT_FOLDER "/dummy.state"

static int dummy_prepare(struct arena *arena, const char **ret_skip)
{
    if (access("/usr/lib/ocf/resource.d/heartbeat/Dummy", X_OK) < 0) {
        *ret_skip = "the resource agents are not installed";
        return -ENOENT;
    }
    return ocf_prepare(arena, ret_skip);
}

static void dummy_define(struct arena *arena, struct guest *guest)
{
    map_put(&guest->config, "agent", arena_strdup(arena, "heartbeat:Dummy"));
    map_put(&guest->config, "param.state", arena_strdup(arena, DUMMY_STATE));
}

static void dummy_end(struct arena *arena)
{
    (void)arena;
    (void)unlink(DUMMY_STATE);
}

static bool dummy_is_left(struct arena *arena)
{
    return access(DUMMY_STATE, F_OK) == 0 ||
           group_is_used(arena, CT_CGROUP_SERVICE, "ocf.two.payload") ||
           group_is_used(arena, CT_CGROUP_SERVICE, "ocf.two.verb");
}

static const struct agent_subject dummy_subject = {
    .name = "ocf heartbeat:Dummy",
    .sid = "ocf:two",
    .prepare = dummy_prepare,
    .define = dummy_define,
    .end = dummy_end,
    .is_left = dummy_is_left,
};

// --- unit ---

#define UNIT_SID "unit:" FAKE_UNIT

static int unit_prepare(struct arena *arena, const char **ret_skip)
{
    struct error err = {0};
    int r = fake_service_manager_start(SUBJECT_FOLDER "/manager", &err);
    *ret_skip = r < 0 ? arena_strdup(arena, err.text) : NULL;
    return r;
}

static void unit_define(struct arena *arena, struct guest *guest)
{
    (void)arena; // its name says it all
    (void)guest;
}

static void unit_end(struct arena *arena)
{
    (void)arena;
    pid_t process = unit_agent_init_pid(UNIT_SID);
    if (process > 0) {
        (void)kill(process, SIGKILL);
    }
}

static bool unit_is_left(struct arena *arena)
{
    struct ct_cgroup_places places;
    struct ct_cgroup_scan scan;
    return ct_cgroup_find(arena, &places, NULL) < 0 ||
           ct_cgroup_scan_path(arena, &places, FAKE_UNIT_GROUP, &scan, NULL) < 0 || scan.populated;
}

static const struct agent_subject unit_subject = {
    .name = "unit",
    .sid = UNIT_SID,
    .prepare = unit_prepare,
    .define = unit_define,
    .end = unit_end,
    .is_left = unit_is_left,
    .has_process = true,
};

const struct agent_subject *const agent_subjects[] = {&ct_subject, &ocf_subject, &dummy_subject,
                                                      &unit_subject, NULL};

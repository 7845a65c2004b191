// SPDX-License-Identifier: Apache-2.0
// Checks of a container's definition and its translation to LXC's keys.
#include "lrm/agents/ct_config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/sid.h"

enum {
    CT_CONFIG_MEMORY_MIN_MIB = 4,
    CT_CONFIG_MEMORY_MAX_MIB = 16 * 1024 * 1024,
    CT_CONFIG_CORES_MAX = 8192,
    CT_CONFIG_TEXT_MAX = 4096,
    CT_CONFIG_HOSTNAME_MAX = 64, // of the kernel
    CT_CONFIG_CPU_PERIOD_US = 100000,
};

typedef int (*ct_config_check_value)(const char *value, struct error *err);

struct ct_config_key {
    const char *name;
    ct_config_check_value check;
};

struct ct_config_signal {
    const char *name;
    int number;
};

static const struct ct_config_signal ct_config_signals[] = {
    {"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},   {"SIGQUIT", SIGQUIT}, {"SIGUSR1", SIGUSR1},
    {"SIGUSR2", SIGUSR2}, {"SIGTERM", SIGTERM}, {"SIGPWR", SIGPWR},
};

static bool ct_config_has_only(const char *text, const char *allowed)
{
    return *text != '\0' && strspn(text, allowed) == strlen(text);
}

#define CT_CONFIG_DIGITS  "0123456789"
#define CT_CONFIG_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static int ct_config_check_memory(const char *value, struct error *err)
{
    int64_t number = 0;
    if (parse_int64(value, CT_CONFIG_MEMORY_MIN_MIB, CT_CONFIG_MEMORY_MAX_MIB, &number) < 0) {
        return error_set(err, -EINVAL, "'%s' is not a size of %d to %d MiB", value,
                         CT_CONFIG_MEMORY_MIN_MIB, CT_CONFIG_MEMORY_MAX_MIB);
    }
    return 0;
}

static int ct_config_check_cores(const char *value, struct error *err)
{
    int64_t number = 0;
    if (parse_int64(value, 1, CT_CONFIG_CORES_MAX, &number) < 0) {
        return error_set(err, -EINVAL, "'%s' is not a number from 1 to %d", value,
                         CT_CONFIG_CORES_MAX);
    }
    return 0;
}

static int ct_config_check_hostname(const char *value, struct error *err)
{
    if (strlen(value) > CT_CONFIG_HOSTNAME_MAX || value[0] == '-' || value[0] == '.' ||
        !ct_config_has_only(value, CT_CONFIG_LETTERS CT_CONFIG_DIGITS "-.")) {
        return error_set(err, -EINVAL, "'%s' is not a host name", value);
    }
    return 0;
}

static int ct_config_check_path(const char *value, struct error *err)
{
    if (value[0] != '/' || strstr(value, "/../") != NULL) {
        return error_set(err, -EINVAL, "'%s' is not an absolute path", value);
    }
    return 0;
}

static int ct_config_check_rootfs(const char *value, struct error *err)
{
    const char *colon = strchr(value, ':');
    if (value[0] == '/') {
        return ct_config_check_path(value, err);
    }
    if (colon == NULL || !ct_config_has_only(colon + 1, CT_CONFIG_LETTERS CT_CONFIG_DIGITS "._-") ||
        colon[1] == '.') {
        return error_set(err, -EINVAL, "'%s' is neither <storage>:<volume> nor an absolute path",
                         value);
    }
    return 0;
}

static int ct_config_check_bridge(const char *value, struct error *err)
{
    if (strlen(value) > 15 ||
        !ct_config_has_only(value, CT_CONFIG_LETTERS CT_CONFIG_DIGITS "._-")) {
        return error_set(err, -EINVAL, "'%s' is not the name of a bridge", value);
    }
    return 0;
}

static int ct_config_check_hwaddr(const char *value, struct error *err)
{
    if (strlen(value) != 17 || !ct_config_has_only(value, CT_CONFIG_DIGITS "abcdefABCDEF:")) {
        return error_set(err, -EINVAL, "'%s' is not a hardware address", value);
    }
    return 0;
}

static int ct_config_check_address(const char *value, struct error *err)
{
    if (!ct_config_has_only(value, CT_CONFIG_DIGITS "abcdefABCDEF:./,")) {
        return error_set(err, -EINVAL, "'%s' is not an address such as 10.0.0.5/24", value);
    }
    return 0;
}

static int ct_config_check_signal(const char *value, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_config_signals); i++) {
        if (strcmp(ct_config_signals[i].name, value) == 0) {
            return 0;
        }
    }
    return error_set(
        err, -EINVAL,
        "'%s' is not one of SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGPWR", value);
}

static int ct_config_check_bool(const char *value, struct error *err)
{
    bool truth = false;
    if (parse_bool(value, &truth) < 0) {
        return error_set(err, -EINVAL, "'%s' is not a boolean, 0 or 1", value);
    }
    return 0;
}

static const struct ct_config_key ct_config_keys[] = {
    {"address", ct_config_check_address},   {"bridge", ct_config_check_bridge},
    {"cores", ct_config_check_cores},       {"description", NULL},
    {"gateway", ct_config_check_address},   {"halt-signal", ct_config_check_signal},
    {"hostname", ct_config_check_hostname}, {"hwaddr", ct_config_check_hwaddr},
    {"init", ct_config_check_path},         {"memory", ct_config_check_memory},
    {"nesting", ct_config_check_bool},      {"rootfs", ct_config_check_rootfs},
};

static const struct ct_config_key *ct_config_find_key(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_config_keys); i++) {
        if (strcmp(ct_config_keys[i].name, name) == 0) {
            return &ct_config_keys[i];
        }
    }
    return NULL;
}

// Every value becomes a line of LXC's file, so none may break out of its line.
static bool ct_config_is_one_line(const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    return *value != '\0' && strlen(value) <= CT_CONFIG_TEXT_MAX;
}

int ct_config_check(const struct guest *guest, struct error *err)
{
    map_each (e, &guest->config) {
        const struct ct_config_key *key = ct_config_find_key(e->key);
        const char *value = e->value;
        if (key == NULL) {
            return error_set(err, -EINVAL, "%s: unknown key '%s'", guest->sid, e->key);
        }
        if (key->check != NULL && !ct_config_is_one_line(value)) {
            return error_set(err, -EINVAL, "%s: %s: must be one line of at most %d bytes",
                             guest->sid, e->key, CT_CONFIG_TEXT_MAX);
        }
        if (key->check != NULL && key->check(value, err) < 0) {
            return error_prefix(err, "%s: %s", guest->sid, e->key);
        }
    }
    if (!map_has(&guest->config, "rootfs")) {
        return error_set(err, -EINVAL, "%s: rootfs: is required", guest->sid);
    }
    return 0;
}

static const char *ct_config_get(const struct guest *guest, const char *key)
{
    return map_find(&guest->config, key);
}

static int64_t ct_config_number(const struct guest *guest, const char *key)
{
    int64_t number = 0;
    int r = parse_int64(ct_config_get(guest, key), 1, INT64_MAX, &number);
    assert(r == 0); // ct_config_check()
    (void)r;
    return number;
}

static void ct_config_limits(const struct guest *guest, const struct ct_config_input *input,
                             struct strbuf *out)
{
    if (ct_config_get(guest, "memory") != NULL && input->memory != CT_CGROUP_NONE) {
        strbuf_appendf(out, "%s = %" PRId64 "M\n",
                       input->memory == CT_CGROUP_V1 ? "lxc.cgroup.memory.limit_in_bytes"
                                                     : "lxc.cgroup2.memory.max",
                       ct_config_number(guest, "memory"));
    }
    if (ct_config_get(guest, "cores") == NULL || input->cpu == CT_CGROUP_NONE) {
        return;
    }
    int64_t quota_us = ct_config_number(guest, "cores") * CT_CONFIG_CPU_PERIOD_US;
    if (input->cpu == CT_CGROUP_V1) {
        strbuf_appendf(out, "lxc.cgroup.cpu.cfs_period_us = %d\n", CT_CONFIG_CPU_PERIOD_US);
        strbuf_appendf(out, "lxc.cgroup.cpu.cfs_quota_us = %" PRId64 "\n", quota_us);
    } else {
        strbuf_appendf(out, "lxc.cgroup2.cpu.max = %" PRId64 " %d\n", quota_us,
                       CT_CONFIG_CPU_PERIOD_US);
    }
}

static void ct_config_network(const struct guest *guest, struct strbuf *out)
{
    const char *bridge = ct_config_get(guest, "bridge");
    const char *hwaddr = ct_config_get(guest, "hwaddr");
    const char *gateway = ct_config_get(guest, "gateway");
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (bridge == NULL) {
        strbuf_append(out, "lxc.net.0.type = empty\n");
        return;
    }
    strbuf_appendf(out, "lxc.net.0.type = veth\nlxc.net.0.link = %s\n", bridge);
    strbuf_append(out, "lxc.net.0.flags = up\nlxc.net.0.name = eth0\n");
    if (hwaddr != NULL) {
        strbuf_appendf(out, "lxc.net.0.hwaddr = %s\n", hwaddr);
    }
    struct parse_words addresses = {0};
    if (ct_config_get(guest, "address") != NULL) {
        addresses = parse_list(arena, ct_config_get(guest, "address"));
    }
    for (size_t i = 0; i < addresses.count; i++) {
        bool v6 = strchr(addresses.words[i], ':') != NULL;
        strbuf_appendf(out, "lxc.net.0.ipv%d.address = %s\n", v6 ? 6 : 4, addresses.words[i]);
    }
    if (gateway != NULL) {
        strbuf_appendf(out, "lxc.net.0.ipv%d.gateway = %s\n", strchr(gateway, ':') != NULL ? 6 : 4,
                       gateway);
    }
}

void ct_config_format(const struct guest *guest, const struct ct_config_input *input,
                      struct strbuf *out)
{
    const char *hostname = ct_config_get(guest, "hostname");
    const char *init = ct_config_get(guest, "init");
    const char *halt_signal = ct_config_get(guest, "halt-signal");
    const char *nesting = ct_config_get(guest, "nesting");
    bool nested = false;
    strbuf_appendf(out, "# Made from the definition of %s at each start; changes here are lost.\n",
                   guest->sid);
    if (hostname != NULL) {
        strbuf_appendf(out, "lxc.uts.name = %s\n", hostname);
    } else {
        strbuf_appendf(out, "lxc.uts.name = ct%s\n", sid_name(guest->sid));
    }
    strbuf_appendf(out, "lxc.rootfs.path = dir:%s\n", input->rootfs);
    if (init != NULL) {
        strbuf_appendf(out, "lxc.init.cmd = %s\n", init);
    }
    if (halt_signal != NULL) {
        strbuf_appendf(out, "lxc.signal.halt = %s\n", halt_signal);
    }
    if (nesting != NULL && parse_bool(nesting, &nested) == 0 && nested) {
        strbuf_append(out, "lxc.mount.auto = proc:rw sys:rw cgroup:rw\n");
    } else {
        strbuf_append(out, "lxc.mount.auto = proc:mixed sys:mixed\n");
        strbuf_append(out, "lxc.cap.drop = mac_admin mac_override sys_module sys_rawio sys_time\n");
    }
    strbuf_append(out, "lxc.apparmor.profile = unconfined\n");
    strbuf_append(out, "lxc.tty.max = 0\nlxc.pty.max = 1024\n");
    // A container outlives its monitor: its state is known by its control groups, not by LXC.
    strbuf_append(out, "lxc.monitor.signal.pdeath = 0\n");
    // The daemon that starts it is spared by the kernel when memory runs out; the container is not.
    strbuf_append(out, "lxc.proc.oom_score_adj = 0\n");
    ct_config_network(guest, out);
    ct_config_limits(guest, input, out);
    strbuf_appendf(out, "lxc.log.level = ERROR\nlxc.log.file = %s\n", input->log_file);
}

int ct_config_halt_signal(const struct guest *guest)
{
    const char *name = ct_config_get(guest, "halt-signal");
    for (size_t i = 0; name != NULL && i < ARRAY_SIZE(ct_config_signals); i++) {
        if (strcmp(ct_config_signals[i].name, name) == 0) {
            return ct_config_signals[i].number;
        }
    }
    return SIGPWR;
}

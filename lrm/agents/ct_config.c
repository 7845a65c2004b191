// SPDX-License-Identifier: Apache-2.0
// The keys of a container's definition, and their translation to LXC's. Those that are lists of
// properties are in ct_config_devices.c.
#include "lrm/agents/ct_config.h"

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
#include "lrm/agents/ct_config_devices.h"

enum {
    CT_CONFIG_MEMORY_MIN_MIB = 4,
    CT_CONFIG_MEMORY_MAX_MIB = 16 * 1024 * 1024,
    CT_CONFIG_CORES_MAX = 8192,
    CT_CONFIG_UNITS_MAX = 500000,
    CT_CONFIG_TEXT_MAX = 4096,
    CT_CONFIG_HOSTNAME_MAX = 64, // of the kernel
    CT_CONFIG_CPU_PERIOD_US = 100000,
    CT_CONFIG_QUOTA_MIN_US = 1000, // of the kernel
    CT_CONFIG_SHARES_MIN = 2,      // likewise
    CT_CONFIG_WEIGHT_MAX = 10000,
};

#define CT_CONFIG_DIGITS  "0123456789"
#define CT_CONFIG_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct ct_taking {
    struct arena *arena;
    struct ct_config *config;
    int64_t cores;     // 0: not given
    int64_t limit_us;  // of cpulimit; 0: none
    struct ct_net old; // made of the keys bridge, hwaddr, address, gateway
};

typedef int (*ct_config_take)(struct ct_taking *taking, const char *value, struct error *err);

struct ct_config_key {
    const char *name;
    ct_config_take take; // NULL: any text, of several lines too
};

struct ct_config_signal {
    const char *name;
    int number;
};

static const struct ct_config_signal ct_config_signals[] = {
    {"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},   {"SIGQUIT", SIGQUIT}, {"SIGUSR1", SIGUSR1},
    {"SIGUSR2", SIGUSR2}, {"SIGTERM", SIGTERM}, {"SIGPWR", SIGPWR},
};

static bool has_only(const char *text, const char *allowed)
{
    return *text != '\0' && strspn(text, allowed) == strlen(text);
}

static int take_number(const char *value, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
    return parse_int64(value, min, max, ret) < 0
               ? error_set(err, -EINVAL, "'%s' is not a number from %" PRId64 " to %" PRId64, value,
                           min, max)
               : 0;
}

static int take_memory(struct ct_taking *taking, const char *value, struct error *err)
{
    if (parse_int64(value, CT_CONFIG_MEMORY_MIN_MIB, CT_CONFIG_MEMORY_MAX_MIB,
                    &taking->config->memory_mib) < 0) {
        return error_set(err, -EINVAL, "'%s' is not a size of %d to %d MiB", value,
                         CT_CONFIG_MEMORY_MIN_MIB, CT_CONFIG_MEMORY_MAX_MIB);
    }
    return 0;
}

static int take_swap(struct ct_taking *taking, const char *value, struct error *err)
{
    return take_number(value, 0, CT_CONFIG_MEMORY_MAX_MIB, &taking->config->swap_mib, err);
}

static int take_cores(struct ct_taking *taking, const char *value, struct error *err)
{
    return take_number(value, 1, CT_CONFIG_CORES_MAX, &taking->cores, err);
}

static int take_cpulimit(struct ct_taking *taking, const char *value, struct error *err)
{
    double limit = 0;
    if (parse_double(value, &limit) < 0 || limit < 0 || limit > CT_CONFIG_CORES_MAX) {
        return error_set(err, -EINVAL, "'%s' is not a number of processors from 0 to %d", value,
                         CT_CONFIG_CORES_MAX);
    }
    taking->limit_us = (int64_t)(limit * CT_CONFIG_CPU_PERIOD_US);
    if (limit > 0 && taking->limit_us < CT_CONFIG_QUOTA_MIN_US) {
        taking->limit_us = CT_CONFIG_QUOTA_MIN_US;
    }
    return 0;
}

static int take_cpuunits(struct ct_taking *taking, const char *value, struct error *err)
{
    return take_number(value, 1, CT_CONFIG_UNITS_MAX, &taking->config->cpu_weight, err);
}

static int take_hostname(struct ct_taking *taking, const char *value, struct error *err)
{
    if (strlen(value) > CT_CONFIG_HOSTNAME_MAX || value[0] == '-' || value[0] == '.' ||
        !has_only(value, CT_CONFIG_LETTERS CT_CONFIG_DIGITS "-.")) {
        return error_set(err, -EINVAL, "'%s' is not a host name", value);
    }
    taking->config->hostname = value;
    return 0;
}

static int take_init(struct ct_taking *taking, const char *value, struct error *err)
{
    if (value[0] != '/' || strstr(value, "/../") != NULL) {
        return error_set(err, -EINVAL, "'%s' is not an absolute path", value);
    }
    taking->config->init = value;
    return 0;
}

static int take_halt_signal(struct ct_taking *taking, const char *value, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(ct_config_signals); i++) {
        if (strcmp(ct_config_signals[i].name, value) == 0) {
            taking->config->halt_signal = value;
            return 0;
        }
    }
    return error_set(
        err, -EINVAL,
        "'%s' is not one of SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGPWR", value);
}

static int take_bool(const char *value, bool *ret, struct error *err)
{
    return parse_bool(value, ret) < 0
               ? error_set(err, -EINVAL, "'%s' is not a boolean, 0 or 1", value)
               : 0;
}

static int take_nesting(struct ct_taking *taking, const char *value, struct error *err)
{
    bool nesting = false;
    int r = take_bool(value, &nesting, err);
    taking->config->nesting = taking->config->nesting || nesting;
    return r;
}

static int take_unprivileged(struct ct_taking *taking, const char *value, struct error *err)
{
    return take_bool(value, &taking->config->unprivileged, err);
}

static int take_flag_for_others(struct ct_taking *taking, const char *value, struct error *err)
{
    bool unused = false;
    (void)taking;
    return take_bool(value, &unused, err);
}

static int take_text_for_others(struct ct_taking *taking, const char *value, struct error *err)
{
    (void)taking;
    (void)value;
    (void)err;
    return 0;
}

static int take_arch(struct ct_taking *taking, const char *value, struct error *err)
{
    if (!has_only(value, CT_CONFIG_LETTERS CT_CONFIG_DIGITS "_")) {
        return error_set(err, -EINVAL, "'%s' is not the name of an architecture", value);
    }
    taking->config->arch = value;
    return 0;
}

static int take_nameserver(struct ct_taking *taking, const char *value, struct error *err)
{
    struct parse_words words = parse_list(taking->arena, value);
    for (size_t i = 0; i < words.count; i++) {
        if (ct_config_check_gateway(words.words[i], NULL) < 0) {
            return error_set(err, -EINVAL, "'%s' is not an address such as 10.0.0.1",
                             words.words[i]);
        }
    }
    taking->config->nameserver = value;
    return 0;
}

static int take_searchdomain(struct ct_taking *taking, const char *value, struct error *err)
{
    if (!has_only(value, CT_CONFIG_LETTERS CT_CONFIG_DIGITS "-._ ,;")) {
        return error_set(err, -EINVAL, "'%s' is not a list of domains", value);
    }
    taking->config->searchdomain = value;
    return 0;
}

static int take_rootfs(struct ct_taking *taking, const char *value, struct error *err)
{
    return ct_config_take_rootfs(taking->arena, value, taking->config, err);
}

static int take_features(struct ct_taking *taking, const char *value, struct error *err)
{
    return ct_config_take_features(taking->arena, value, taking->config, err);
}

static int take_bridge(struct ct_taking *taking, const char *value, struct error *err)
{
    taking->old.bridge = value;
    return ct_config_check_bridge(value, err);
}

static int take_hwaddr(struct ct_taking *taking, const char *value, struct error *err)
{
    taking->old.hwaddr = value;
    return ct_config_check_hwaddr(value, err);
}

static int take_address(struct ct_taking *taking, const char *value, struct error *err)
{
    taking->old.addresses = parse_list(taking->arena, value);
    return ct_config_check_addresses(value, err);
}

static int take_gateway(struct ct_taking *taking, const char *value, struct error *err)
{
    *(strchr(value, ':') != NULL ? &taking->old.gateway6 : &taking->old.gateway) = value;
    return ct_config_check_gateway(value, err);
}

// All but interfaces and mounts.
static const struct ct_config_key ct_config_keys[] = {
    {"address", take_address},
    {"arch", take_arch},
    {"bridge", take_bridge},
    {"cores", take_cores},
    {"cpulimit", take_cpulimit},
    {"cpuunits", take_cpuunits},
    {"description", NULL},
    {"features", take_features},
    {"gateway", take_gateway},
    {"halt-signal", take_halt_signal},
    {"hostname", take_hostname},
    {"hwaddr", take_hwaddr},
    {"init", take_init},
    {"memory", take_memory},
    {"nameserver", take_nameserver},
    {"nesting", take_nesting},
    {"onboot", take_flag_for_others},
    {"ostype", take_text_for_others},
    {"protection", take_flag_for_others},
    {"rootfs", take_rootfs},
    {"searchdomain", take_searchdomain},
    {"startup", take_text_for_others},
    {"swap", take_swap},
    {"tags", take_text_for_others},
    {"unprivileged", take_unprivileged},
};

// Every value becomes a line of LXC's file, so none may break out of its line.
static bool is_one_line(const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    return *value != '\0' && strlen(value) <= CT_CONFIG_TEXT_MAX;
}

// In the order of their numbers, which is not that of their names.
static int take_net(struct ct_taking *taking, const char *key, const char *value, struct error *err)
{
    struct ct_config *config = taking->config;
    struct ct_net net = {.key = key, .index = ct_config_index(key, "net")};
    if (net.index >= CT_CONFIG_NETS_MAX) {
        return error_set(err, -EINVAL, "there is only net0 to net%d", CT_CONFIG_NETS_MAX - 1);
    }
    int r = ct_config_take_net(taking->arena, value, &net, err);
    size_t at = config->nets_count;
    for (; r == 0 && at > 0 && config->nets[at - 1].index > net.index; at--) {
        config->nets[at] = config->nets[at - 1];
    }
    if (r == 0) {
        config->nets[at] = net;
        config->nets_count++;
    }
    return r;
}

// In the order of their paths: what is mounted at "/a" must not hide what is at "/a/b".
static int take_mount(struct ct_taking *taking, const char *key, const char *value,
                      struct error *err)
{
    struct ct_config *config = taking->config;
    struct ct_mount mount = {.key = key, .index = ct_config_index(key, "mp")};
    if (mount.index >= CT_CONFIG_MOUNTS_MAX) {
        return error_set(err, -EINVAL, "there is only mp0 to mp%d", CT_CONFIG_MOUNTS_MAX - 1);
    }
    int r = ct_config_take_mount(taking->arena, value, &mount, err);
    size_t at = config->mounts_count;
    for (; r == 0 && at > 0 && strcmp(config->mounts[at - 1].path, mount.path) > 0; at--) {
        config->mounts[at] = config->mounts[at - 1];
    }
    if (r == 0) {
        config->mounts[at] = mount;
        config->mounts_count++;
    }
    return r;
}

static int take_key(struct ct_taking *taking, const char *key, const char *value, struct error *err)
{
    const struct ct_config_key *found = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(ct_config_keys) && found == NULL; i++) {
        found = strcmp(ct_config_keys[i].name, key) == 0 ? &ct_config_keys[i] : NULL;
    }
    bool is_net = ct_config_index(key, "net") >= 0;
    if (found == NULL && !is_net && ct_config_index(key, "mp") < 0) {
        return error_set(err, -EINVAL, "unknown key '%s'", key);
    }
    bool free_text = found != NULL && found->take == NULL;
    int r = 0;
    if (!free_text && !is_one_line(value)) {
        r = error_set(err, -EINVAL, "must be one line of at most %d bytes", CT_CONFIG_TEXT_MAX);
    } else if (found == NULL) {
        r = is_net ? take_net(taking, key, value, err) : take_mount(taking, key, value, err);
    } else if (!free_text) {
        r = found->take(taking, value, err);
    }
    return r < 0 ? error_prefix(err, "%s", key) : 0;
}

// What keys mean together.
static int finish(struct ct_taking *taking, struct error *err)
{
    struct ct_config *config = taking->config;
    const struct ct_net *old = &taking->old;
    bool has_old = old->hwaddr != NULL || old->addresses.count > 0 || old->gateway != NULL ||
                   old->gateway6 != NULL;
    if (config->rootfs == NULL) {
        return error_set(err, -EINVAL, "rootfs: is required");
    }
    if (config->swap_mib >= 0 && config->memory_mib == 0) {
        return error_set(err, -EINVAL, "swap: only together with memory");
    }
    if (old->bridge == NULL && has_old) {
        return error_set(err, -EINVAL, "%s: only together with bridge",
                         old->hwaddr != NULL        ? "hwaddr"
                         : old->addresses.count > 0 ? "address"
                                                    : "gateway");
    }
    if (old->bridge != NULL && config->nets_count > 0) {
        return error_set(err, -EINVAL, "bridge: means the same as %s: give one of them",
                         config->nets[0].key);
    }
    if (old->bridge != NULL) {
        config->nets[config->nets_count++] = *old;
    }
    for (size_t i = 0; i < config->nets_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(config->nets[i].name, config->nets[j].name) == 0) {
                return error_set(err, -EINVAL, "%s: name: '%s' is that of %s", config->nets[i].key,
                                 config->nets[i].name, config->nets[j].key);
            }
        }
    }
    for (size_t i = 1; i < config->mounts_count; i++) {
        const struct ct_mount *mount = &config->mounts[i];
        if (strcmp(mount[-1].path, mount->path) == 0) {
            return error_set(err, -EINVAL, "%s: mp: '%s' is that of %s", mount->key, mount->path,
                             mount[-1].key);
        }
    }
    int64_t cores_us = taking->cores * CT_CONFIG_CPU_PERIOD_US;
    config->cpu_quota_us = cores_us;
    if (taking->limit_us > 0 && (cores_us == 0 || taking->limit_us < cores_us)) {
        config->cpu_quota_us = taking->limit_us;
    }
    return 0;
}

int ct_config_parse(struct arena *arena, const struct guest *guest, struct ct_config **ret,
                    struct error *err)
{
    struct ct_config *config = arena_new_of(arena, struct ct_config);
    struct ct_taking taking = {.arena = arena, .config = config};
    config->swap_mib = -1;
    config->hostname = arena_printf(arena, "ct%s", sid_name(guest->sid));
    config->nets = arena_array_of(arena, struct ct_net, CT_CONFIG_NETS_MAX + 1);
    config->mounts = arena_array_of(arena, struct ct_mount, CT_CONFIG_MOUNTS_MAX);
    taking.old = (struct ct_net){.key = "bridge", .name = "eth0"};
    map_each (e, &guest->config) {
        const char *value = arena_strdup(arena, e->value);
        if (take_key(&taking, arena_strdup(arena, e->key), value, err) < 0) {
            return error_prefix(err, "%s", guest->sid);
        }
    }
    if (finish(&taking, err) < 0) {
        return error_prefix(err, "%s", guest->sid);
    }
    *ret = config;
    return 0;
}

int ct_config_check(const struct guest *guest, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ct_config *config = NULL;
    return ct_config_parse(arena, guest, &config, err);
}

// --- LXC's configuration. ---

static void format_limits(const struct ct_config *config, const struct ct_config_input *input,
                          struct strbuf *out)
{
    int64_t both_mib = config->memory_mib + config->swap_mib;
    if (config->memory_mib > 0 && input->memory != CT_CGROUP_NONE) {
        strbuf_appendf(out, "%s = %" PRId64 "M\n",
                       input->memory == CT_CGROUP_V1 ? "lxc.cgroup.memory.limit_in_bytes"
                                                     : "lxc.cgroup2.memory.max",
                       config->memory_mib);
    }
    if (config->swap_mib >= 0 && input->swap == CT_CGROUP_V1) {
        strbuf_appendf(out, "lxc.cgroup.memory.memsw.limit_in_bytes = %" PRId64 "M\n", both_mib);
    } else if (config->swap_mib >= 0 && input->swap == CT_CGROUP_V2) {
        strbuf_appendf(out, "lxc.cgroup2.memory.swap.max = %" PRId64 "M\n", config->swap_mib);
    }
    if (config->cpu_quota_us > 0 && input->cpu == CT_CGROUP_V1) {
        strbuf_appendf(out, "lxc.cgroup.cpu.cfs_period_us = %d\n", CT_CONFIG_CPU_PERIOD_US);
        strbuf_appendf(out, "lxc.cgroup.cpu.cfs_quota_us = %" PRId64 "\n", config->cpu_quota_us);
    } else if (config->cpu_quota_us > 0 && input->cpu == CT_CGROUP_V2) {
        strbuf_appendf(out, "lxc.cgroup2.cpu.max = %" PRId64 " %d\n", config->cpu_quota_us,
                       CT_CONFIG_CPU_PERIOD_US);
    }
    int64_t weight = config->cpu_weight;
    if (weight > 0 && input->cpu == CT_CGROUP_V1) {
        strbuf_appendf(out, "lxc.cgroup.cpu.shares = %" PRId64 "\n",
                       weight < CT_CONFIG_SHARES_MIN ? CT_CONFIG_SHARES_MIN : weight);
    } else if (weight > 0 && input->cpu == CT_CGROUP_V2) {
        strbuf_appendf(out, "lxc.cgroup2.cpu.weight = %" PRId64 "\n",
                       weight > CT_CONFIG_WEIGHT_MAX ? CT_CONFIG_WEIGHT_MAX : weight);
    }
}

static void format_net(const struct ct_net *net, size_t n, struct strbuf *out)
{
    strbuf_appendf(out, "lxc.net.%zu.type = veth\nlxc.net.%zu.link = %s\n", n, n, net->bridge);
    if (!net->link_down) {
        strbuf_appendf(out, "lxc.net.%zu.flags = up\n", n);
    }
    strbuf_appendf(out, "lxc.net.%zu.name = %s\n", n, net->name);
    if (net->hwaddr != NULL) {
        strbuf_appendf(out, "lxc.net.%zu.hwaddr = %s\n", n, net->hwaddr);
    }
    if (net->mtu > 0) {
        strbuf_appendf(out, "lxc.net.%zu.mtu = %" PRId64 "\n", n, net->mtu);
    }
    if (net->tag > 0) {
        strbuf_appendf(out, "lxc.net.%zu.veth.vlan.id = %" PRId64 "\n", n, net->tag);
    }
    for (size_t i = 0; i < net->addresses.count; i++) {
        const char *address = net->addresses.words[i];
        strbuf_appendf(out, "lxc.net.%zu.ipv%d.address = %s\n", n,
                       strchr(address, ':') != NULL ? 6 : 4, address);
    }
    // LXC would refuse a way out through an interface that is down.
    if (net->gateway != NULL && !net->link_down) {
        strbuf_appendf(out, "lxc.net.%zu.ipv4.gateway = %s\n", n, net->gateway);
    }
    if (net->gateway6 != NULL && !net->link_down) {
        strbuf_appendf(out, "lxc.net.%zu.ipv6.gateway = %s\n", n, net->gateway6);
    }
}

// Systems that are configured by files of their own do not care; the built-in template does.
static void format_dhcp(const struct ct_config *config, struct strbuf *out)
{
    const char *before = "lxc.environment = HA_DHCP=";
    for (size_t i = 0; i < config->nets_count; i++) {
        if (config->nets[i].dhcp && !config->nets[i].link_down) {
            strbuf_appendf(out, "%s%s", before, config->nets[i].name);
            before = ",";
        }
    }
    strbuf_append(out, *before == ',' ? "\n" : "");
}

static void format_mounts(const struct ct_config *config, const struct ct_config_input *input,
                          struct strbuf *out)
{
    for (size_t i = 0; i < config->mounts_count; i++) {
        const struct ct_mount *mount = &config->mounts[i];
        strbuf_appendf(out, "lxc.mount.entry = %s %s none bind%s,create=%s 0 0\n",
                       input->sources[i].path, mount->path + 1, mount->readonly ? ",ro" : "",
                       input->sources[i].is_file ? "file" : "dir");
    }
    if (config->fuse) {
        strbuf_append(out,
                      "lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file,optional 0 0\n");
    }
}

static void format_rights(const struct ct_config *config, struct strbuf *out)
{
    if (config->unprivileged) {
        strbuf_appendf(out, "lxc.idmap = u 0 %d %d\nlxc.idmap = g 0 %d %d\n", CT_CONFIG_SHIFT_FIRST,
                       CT_CONFIG_SHIFT_COUNT, CT_CONFIG_SHIFT_FIRST, CT_CONFIG_SHIFT_COUNT);
    }
    if (config->nesting) {
        strbuf_append(out, "lxc.mount.auto = proc:rw sys:rw cgroup:rw\n");
    } else {
        strbuf_append(out, "lxc.mount.auto = proc:mixed sys:mixed\n");
        strbuf_append(out, "lxc.cap.drop = mac_admin mac_override sys_module sys_rawio sys_time\n");
    }
}

void ct_config_format(const struct guest *guest, const struct ct_config *config,
                      const struct ct_config_input *input, struct strbuf *out)
{
    strbuf_appendf(out, "# Made from the definition of %s at each start; changes here are lost.\n",
                   guest->sid);
    strbuf_appendf(out, "lxc.uts.name = %s\n", config->hostname);
    strbuf_appendf(out, "lxc.rootfs.path = dir:%s\n", input->rootfs);
    if (config->rootfs_readonly) {
        strbuf_append(out, "lxc.rootfs.options = ro\n");
    }
    if (config->arch != NULL) {
        strbuf_appendf(out, "lxc.arch = %s\n", config->arch);
    }
    if (config->init != NULL) {
        strbuf_appendf(out, "lxc.init.cmd = %s\n", config->init);
    }
    if (config->halt_signal != NULL) {
        strbuf_appendf(out, "lxc.signal.halt = %s\n", config->halt_signal);
    }
    format_rights(config, out);
    strbuf_append(out, "lxc.apparmor.profile = unconfined\n");
    strbuf_append(out, "lxc.tty.max = 0\nlxc.pty.max = 1024\n");
    // A container outlives its monitor: its state is known by its control groups, not by LXC.
    strbuf_append(out, "lxc.monitor.signal.pdeath = 0\n");
    // The daemon that starts it is spared by the kernel when memory runs out; the container is not.
    strbuf_append(out, "lxc.proc.oom_score_adj = 0\n");
    format_mounts(config, input, out);
    for (size_t i = 0; i < config->nets_count; i++) {
        format_net(&config->nets[i], i, out);
    }
    format_dhcp(config, out);
    if (config->nets_count == 0) {
        strbuf_append(out, "lxc.net.0.type = empty\n");
    }
    format_limits(config, input, out);
    strbuf_appendf(out, "lxc.log.level = ERROR\nlxc.log.file = %s\n", input->log_file);
}

int ct_config_halt_signal(const struct guest *guest)
{
    const char *name = map_find(&guest->config, "halt-signal");
    for (size_t i = 0; name != NULL && i < ARRAY_SIZE(ct_config_signals); i++) {
        if (strcmp(ct_config_signals[i].name, name) == 0) {
            return ct_config_signals[i].number;
        }
    }
    return SIGPWR;
}

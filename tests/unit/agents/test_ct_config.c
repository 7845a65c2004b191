// SPDX-License-Identifier: Apache-2.0
// From a container's definition to LXC's configuration, and what is refused.
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "lrm/agents/ct_config.h"
#include "tests/lib/test.h"

static struct guest *a_guest(struct arena *arena)
{
    struct guest *guest = guest_new(arena, "ct:100", "node1");
    map_put(&guest->config, "rootfs", arena_strdup(arena, "local:ct-100"));
    return guest;
}

static void with(struct arena *arena, struct guest *guest, const char *key, const char *value)
{
    map_put(&guest->config, key, arena_strdup(arena, value));
}

static const struct ct_config_input input_v1 = {.rootfs = "/srv/ct-100",
                                                .log_file = "/var/lib/ha-manager/lxc/100/lxc.log",
                                                .memory = CT_CGROUP_V1,
                                                .cpu = CT_CGROUP_V1};

#define HEAD "# Made from the definition of ct:100 at each start; changes here are lost.\n"
#define FIXED                                                                                      \
    "lxc.apparmor.profile = unconfined\n"                                                          \
    "lxc.tty.max = 0\n"                                                                            \
    "lxc.pty.max = 1024\n"                                                                         \
    "lxc.monitor.signal.pdeath = 0\n"                                                              \
    "lxc.proc.oom_score_adj = 0\n"
#define LOG                                                                                        \
    "lxc.log.level = ERROR\n"                                                                      \
    "lxc.log.file = /var/lib/ha-manager/lxc/100/lxc.log\n"

static void config_of_the_least_definition_is_complete(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    (void)state;
    ct_config_format(a_guest(arena), &input_v1, &text);
    assert_string_equal(
        strbuf_text(&text),
        HEAD "lxc.uts.name = ct100\n"
             "lxc.rootfs.path = dir:/srv/ct-100\n"
             "lxc.mount.auto = proc:mixed sys:mixed\n"
             "lxc.cap.drop = mac_admin mac_override sys_module sys_rawio sys_time\n" FIXED
             "lxc.net.0.type = empty\n" LOG);
}

static void config_of_the_full_definition_has_everything(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct guest *guest = a_guest(arena);
    struct ct_config_input input = input_v1;
    struct error err = {0};
    (void)state;
    with(arena, guest, "hostname", "web1");
    with(arena, guest, "memory", "512");
    with(arena, guest, "cores", "2");
    with(arena, guest, "bridge", "br0");
    with(arena, guest, "hwaddr", "02:00:00:00:00:01");
    with(arena, guest, "address", "10.0.0.5/24,fd00::5/64");
    with(arena, guest, "gateway", "10.0.0.1");
    with(arena, guest, "init", "/lib/systemd/systemd");
    with(arena, guest, "halt-signal", "SIGUSR2");
    with(arena, guest, "nesting", "1");
    with(arena, guest, "description", "mail\nand more");
    input.memory = CT_CGROUP_V2;
    input.cpu = CT_CGROUP_V2;
    assert_int_equal(ct_config_check(guest, &err), 0);
    ct_config_format(guest, &input, &text);
    assert_string_equal(strbuf_text(&text), HEAD "lxc.uts.name = web1\n"
                                                 "lxc.rootfs.path = dir:/srv/ct-100\n"
                                                 "lxc.init.cmd = /lib/systemd/systemd\n"
                                                 "lxc.signal.halt = SIGUSR2\n"
                                                 "lxc.mount.auto = proc:rw sys:rw cgroup:rw\n" FIXED
                                                 "lxc.net.0.type = veth\n"
                                                 "lxc.net.0.link = br0\n"
                                                 "lxc.net.0.flags = up\n"
                                                 "lxc.net.0.name = eth0\n"
                                                 "lxc.net.0.hwaddr = 02:00:00:00:00:01\n"
                                                 "lxc.net.0.ipv4.address = 10.0.0.5/24\n"
                                                 "lxc.net.0.ipv6.address = fd00::5/64\n"
                                                 "lxc.net.0.ipv4.gateway = 10.0.0.1\n"
                                                 "lxc.cgroup2.memory.max = 512M\n"
                                                 "lxc.cgroup2.cpu.max = 200000 100000\n" LOG);
}

struct limit_row {
    enum ct_cgroup_layout layout;
    const char *want;
};

static const struct limit_row limit_rows[] = {
    {CT_CGROUP_V1, "lxc.cgroup.memory.limit_in_bytes = 64M\n"
                   "lxc.cgroup.cpu.cfs_period_us = 100000\n"
                   "lxc.cgroup.cpu.cfs_quota_us = 300000\nlxc.log"},
    {CT_CGROUP_V2, "lxc.cgroup2.memory.max = 64M\nlxc.cgroup2.cpu.max = 300000 100000\nlxc.log"},
    {CT_CGROUP_NONE, "lxc.net.0.type = empty\nlxc.log"},
};

static void config_limits_go_where_the_controller_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(limit_rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct strbuf text CLEANUP(strbuf_done) = {0};
        struct guest *guest = a_guest(arena);
        struct ct_config_input input = input_v1;
        with(arena, guest, "memory", "64");
        with(arena, guest, "cores", "3");
        input.memory = limit_rows[i].layout;
        input.cpu = limit_rows[i].layout;
        ct_config_format(guest, &input, &text);
        assert_non_null(strstr(strbuf_text(&text), limit_rows[i].want));
    }
}

struct refusal {
    const char *key;
    const char *value;
    const char *words;
};

static const struct refusal refusals[] = {
    {"memory", "3", "ct:100: memory: '3' is not a size of 4 to"},
    {"memory", "64M", "memory: '64M'"},
    {"memory", "-1", "memory: '-1'"},
    {"cores", "0", "cores: '0' is not a number from 1 to"},
    {"hostname", "a b", "hostname: 'a b' is not a host name"},
    {"hostname", "", "hostname: must be one line"},
    {"hostname", "a\nlxc.hook.start = /bin/sh", "hostname: must be one line"},
    {"rootfs", "relative", "rootfs: 'relative' is neither"},
    {"rootfs", "local:../etc", "rootfs: 'local:../etc' is neither"},
    {"rootfs", "local:.x", "is neither"},
    {"rootfs", "/a/../b", "is not an absolute path"},
    {"bridge", "a-name-that-is-too-long", "bridge: "},
    {"bridge", "br0\tx", "bridge: must be one line"},
    {"hwaddr", "02:00", "hwaddr: '02:00' is not a hardware address"},
    {"address", "10.0.0.5/24 x", "address: "},
    {"gateway", "host", "gateway: "},
    {"init", "sbin/init", "init: 'sbin/init' is not an absolute path"},
    {"halt-signal", "SIGKILL", "halt-signal: 'SIGKILL' is not one of"},
    {"nesting", "2", "nesting: '2' is not a boolean"},
    {"colour", "red", "unknown key 'colour'"},
};

static void definition_refused_names_key_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct guest *guest = a_guest(arena);
        struct error err = {0};
        with(arena, guest, refusals[i].key, refusals[i].value);
        int r = ct_config_check(guest, &err);
        if (r != -EINVAL || strstr(err.text, refusals[i].words) == NULL) {
            print_error("%s=%s: %d '%s'\n", refusals[i].key, refusals[i].value, r, err.text);
        }
        assert_int_equal(r, -EINVAL);
        assert_non_null(strstr(err.text, refusals[i].words));
    }
}

static void definition_without_rootfs_is_refused(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    (void)state;
    assert_int_equal(ct_config_check(guest_new(arena, "ct:100", "node1"), &err), -EINVAL);
    assert_string_equal(err.text, "ct:100: rootfs: is required");
}

static void halt_signal_is_that_of_the_definition(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest *guest = a_guest(arena);
    (void)state;
    assert_int_equal(ct_config_halt_signal(guest), SIGPWR);
    with(arena, guest, "halt-signal", "SIGUSR1");
    assert_int_equal(ct_config_halt_signal(guest), SIGUSR1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_of_the_least_definition_is_complete),
        cmocka_unit_test(config_of_the_full_definition_has_everything),
        cmocka_unit_test(config_limits_go_where_the_controller_is),
        cmocka_unit_test(definition_refused_names_key_and_reason),
        cmocka_unit_test(definition_without_rootfs_is_refused),
        cmocka_unit_test(halt_signal_is_that_of_the_definition),
    };
    return cmocka_run_group_tests_name("ct_config", tests, NULL, NULL);
}

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
                                                .swap = CT_CGROUP_V1,
                                                .cpu = CT_CGROUP_V1};

static void format(struct arena *arena, const struct guest *guest,
                   const struct ct_config_input *input, struct strbuf *out)
{
    struct ct_config *config = NULL;
    struct error err = {0};
    if (ct_config_parse(arena, guest, &config, &err) < 0) {
        fail_msg("%s", err.text);
    }
    ct_config_format(guest, config, input, out);
}

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
    format(arena, a_guest(arena), &input_v1, &text);
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
    format(arena, guest, &input, &text);
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

// With the keys that other tools write.
static void config_of_properties_has_everything(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct guest *guest = a_guest(arena);
    struct ct_config_input input = input_v1;
    const struct ct_config_source sources[] = {{.path = "/mnt/shared/data"},
                                               {.path = "/etc/motd", .is_file = true}};
    (void)state;
    with(arena, guest, "rootfs", "local:images/100/root,size=8G,ro=1");
    with(arena, guest, "arch", "i386");
    with(arena, guest, "memory", "512");
    with(arena, guest, "swap", "128");
    with(arena, guest, "cores", "2");
    with(arena, guest, "cpulimit", "0.5");
    with(arena, guest, "cpuunits", "100");
    with(arena, guest, "features", "nesting=1,fuse=1");
    with(arena, guest, "unprivileged", "1");
    with(arena, guest, "net10", "name=lan,bridge=br1,ip=dhcp,ip6=auto,link_down=1,gw=10.0.0.9");
    with(arena, guest, "net2",
         "bridge=br0,hwaddr=02:00:00:00:00:01,ip=10.0.0.5/24,gw=10.0.0.1,ip6=fd00::5/64,"
         "gw6=fd00::1,tag=7,mtu=1400,type=veth,firewall=0");
    with(arena, guest, "net11", "name=wan,bridge=br1,ip=dhcp");
    with(arena, guest, "net12", "bridge=br1,ip=dhcp");
    with(arena, guest, "mp1", "/etc/motd,mp=/etc/motd,ro=1");
    with(arena, guest, "mp0", "shared:data,mp=/data,backup=1,size=4G");
    with(arena, guest, "tags", "a;b");
    with(arena, guest, "onboot", "1");
    input.sources = sources;
    format(arena, guest, &input, &text);
    assert_string_equal(strbuf_text(&text),
                        HEAD "lxc.uts.name = ct100\n"
                             "lxc.rootfs.path = dir:/srv/ct-100\n"
                             "lxc.rootfs.options = ro\n"
                             "lxc.arch = i386\n"
                             "lxc.idmap = u 0 100000 65536\n"
                             "lxc.idmap = g 0 100000 65536\n"
                             "lxc.mount.auto = proc:rw sys:rw cgroup:rw\n" FIXED
                             "lxc.mount.entry = /mnt/shared/data data none bind,create=dir 0 0\n"
                             "lxc.mount.entry = /etc/motd etc/motd none bind,ro,create=file 0 0\n"
                             "lxc.mount.entry = /dev/fuse dev/fuse none "
                             "bind,create=file,optional 0 0\n"
                             "lxc.net.0.type = veth\n"
                             "lxc.net.0.link = br0\n"
                             "lxc.net.0.flags = up\n"
                             "lxc.net.0.name = eth2\n"
                             "lxc.net.0.hwaddr = 02:00:00:00:00:01\n"
                             "lxc.net.0.mtu = 1400\n"
                             "lxc.net.0.veth.vlan.id = 7\n"
                             "lxc.net.0.ipv4.address = 10.0.0.5/24\n"
                             "lxc.net.0.ipv6.address = fd00::5/64\n"
                             "lxc.net.0.ipv4.gateway = 10.0.0.1\n"
                             "lxc.net.0.ipv6.gateway = fd00::1\n"
                             "lxc.net.1.type = veth\n"
                             "lxc.net.1.link = br1\n"
                             "lxc.net.1.name = lan\n"
                             "lxc.net.2.type = veth\n"
                             "lxc.net.2.link = br1\n"
                             "lxc.net.2.flags = up\n"
                             "lxc.net.2.name = wan\n"
                             "lxc.net.3.type = veth\n"
                             "lxc.net.3.link = br1\n"
                             "lxc.net.3.flags = up\n"
                             "lxc.net.3.name = eth12\n"
                             "lxc.environment = HA_DHCP=wan,eth12\n"
                             "lxc.cgroup.memory.limit_in_bytes = 512M\n"
                             "lxc.cgroup.memory.memsw.limit_in_bytes = 640M\n"
                             "lxc.cgroup.cpu.cfs_period_us = 100000\n"
                             "lxc.cgroup.cpu.cfs_quota_us = 50000\n"
                             "lxc.cgroup.cpu.shares = 100\n" LOG);
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
        input.swap = limit_rows[i].layout;
        format(arena, guest, &input, &text);
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
    {"rootfs", "local:a//b", "rootfs: 'local:a//b' is neither"},
    {"rootfs", "local:/a", "rootfs: 'local:/a' is neither"},
    {"rootfs", "local:a/.b", "rootfs: 'local:a/.b' is neither"},
    {"rootfs", "local:a,quota=1", "rootfs: unknown property 'quota': allowed are ro, size"},
    {"rootfs", "size=1G", "rootfs: 'size=1G' names no volume"},
    {"swap", "64", "swap: only together with memory"},
    {"cpulimit", "-1", "cpulimit: '-1' is not a number of processors from 0 to"},
    {"cpuunits", "0", "cpuunits: '0' is not a number from 1 to"},
    {"hwaddr", "02:00:00:00:00:01", "hwaddr: only together with bridge"},
    {"hwaddr", "03:00:00:00:00:01", "hwaddr: '03:00:00:00:00:01' is not a hardware address"},
    {"net0", "name=eth0", "net0: bridge is required"},
    {"net0", "bridge=br0,ip=10.0.0.5", "net0: ip: '10.0.0.5' is not dhcp, manual or an address"},
    {"net0", "bridge=br0,ip=fd00::5/64", "net0: ip: 'fd00::5/64' is not dhcp"},
    {"net0", "bridge=br0,ip=10.0.0.5/33", "net0: ip: "},
    {"net0", "bridge=br0,gw6=10.0.0.1", "net0: gw6: '10.0.0.1' is not an address such as fd00::1"},
    {"net0", "bridge=br0,tag=4095", "net0: tag: '4095' is not a number from 1 to 4094"},
    {"net0", "bridge=br0,firewall=1", "net0: firewall: there is none here: only 0"},
    {"net0", "bridge=br0,colour=red", "net0: unknown property 'colour': allowed are name, bridge"},
    {"net0", "bridge=br0,type=phys", "net0: type: 'phys' is not 'veth'"},
    {"net32", "bridge=br0", "net32: there is only net0 to net31"},
    {"net00", "bridge=br0", "unknown key 'net00'"},
    {"mp0", "shared:data", "mp0: 'shared:data' is not of the form <volume>,mp=<path>"},
    {"mp0", "shared:data,mp=data", "mp0: mp: 'data' is not an absolute path"},
    {"mp0", "shared:data,mp=/a/../b", "mp0: mp: '/a/../b' is not an absolute path"},
    {"mp0", "/a b,mp=/c", "mp0: '/a b' is not an absolute path"},
    {"mp0", "shared:data,mp=/data,ro=2", "mp0: ro: '2' is not a boolean"},
    {"mp256", "shared:data,mp=/data", "mp256: there is only mp0 to mp255"},
    {"features", "mount=nfs", "features: unknown property 'mount': allowed are nesting"},
    {"nameserver", "dns.example.org", "nameserver: 'dns.example.org' is not an address"},
    {"searchdomain", "a\\b", "searchdomain: "},
    {"unprivileged", "yes please", "unprivileged: "},
};

static void mounts_come_after_those_they_lie_in(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest *guest = a_guest(arena);
    struct ct_config *config = NULL;
    struct error err = {0};
    (void)state;
    with(arena, guest, "mp0", "/x,mp=/a/b/c");
    with(arena, guest, "mp1", "/y,mp=/a");
    with(arena, guest, "mp10", "/z,mp=/a/b");
    assert_int_equal(ct_config_parse(arena, guest, &config, &err), 0);
    assert_int_equal(config->mounts_count, 3);
    assert_string_equal(config->mounts[0].key, "mp1");
    assert_string_equal(config->mounts[1].key, "mp10");
    assert_string_equal(config->mounts[2].key, "mp0");
    with(arena, guest, "mp2", "/z,mp=/a/b");
    assert_int_equal(ct_config_check(guest, &err), -EINVAL);
    assert_non_null(strstr(err.text, "mp: '/a/b' is that of mp"));
}

static void definition_with_two_ways_to_say_it_is_refused(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest *guest = a_guest(arena);
    struct error err = {0};
    (void)state;
    with(arena, guest, "bridge", "br0");
    with(arena, guest, "net1", "bridge=br0");
    assert_int_equal(ct_config_check(guest, &err), -EINVAL);
    assert_string_equal(err.text, "ct:100: bridge: means the same as net1: give one of them");
    (void)map_remove(&guest->config, "bridge");
    with(arena, guest, "net2", "bridge=br0,name=eth1");
    assert_int_equal(ct_config_check(guest, &err), -EINVAL);
    assert_string_equal(err.text, "ct:100: net2: name: 'eth1' is that of net1");
}

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
        cmocka_unit_test(config_of_properties_has_everything),
        cmocka_unit_test(mounts_come_after_those_they_lie_in),
        cmocka_unit_test(definition_with_two_ways_to_say_it_is_refused),
        cmocka_unit_test(config_limits_go_where_the_controller_is),
        cmocka_unit_test(definition_refused_names_key_and_reason),
        cmocka_unit_test(definition_without_rootfs_is_refused),
        cmocka_unit_test(halt_signal_is_that_of_the_definition),
    };
    return cmocka_run_group_tests_name("ct_config", tests, NULL, NULL);
}

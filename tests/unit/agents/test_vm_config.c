// SPDX-License-Identifier: Apache-2.0
// From a machine's definition to QEMU's command line, and what is refused.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "lrm/agents/vm_command.h"
#include "lrm/agents/vm_config.h"
#include "tests/lib/test.h"

struct setting {
    const char *key;
    const char *value;
};

enum { SETTINGS_MAX = 16 };

static struct guest *a_guest(struct arena *arena, const struct setting *settings)
{
    struct guest *guest = guest_new(arena, "vm:101", "node1");
    for (size_t i = 0; i < SETTINGS_MAX && settings[i].key != NULL; i++) {
        map_put(&guest->config, settings[i].key, arena_strdup(arena, settings[i].value));
    }
    return guest;
}

static struct vm_config *parsed(struct arena *arena, const struct setting *settings)
{
    struct vm_config *config = NULL;
    struct error err = {0};
    int r = vm_config_parse(arena, a_guest(arena, settings), &config, &err);
    if (r < 0) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(r, 0);
    return config;
}

// The words of the command line in one text, with a blank in front of each and behind the last.
static const char *command_of(struct arena *arena, const struct setting *settings, bool incoming)
{
    static const char *const paths[VM_CONFIG_DISKS_MAX] = {"/srv/d0", "/srv/d1,x"};
    static const int fds[VM_CONFIG_NETS_MAX] = {7, -1};
    const struct vm_command_input input = {.program = "qemu",
                                           .folder = "/run/a,b",
                                           .incoming = incoming,
                                           .disk_paths = paths,
                                           .net_fds = fds,
                                           .kernel = "/srv/k",
                                           .initrd = "/srv/i"};
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const char *const *words = vm_command_format(arena, parsed(arena, settings), &input);
    for (; *words != NULL; words++) {
        strbuf_appendf(&text, " %s", *words);
    }
    strbuf_append_char(&text, ' ');
    return arena_strdup(arena, strbuf_text(&text));
}

static void config_of_nothing_has_defaults(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct setting none[SETTINGS_MAX] = {{0}};
    (void)state;
    const struct vm_config *config = parsed(arena, none);
    assert_string_equal(config->name, "vm101");
    assert_int_equal(config->memory_mib, 512);
    assert_int_equal(config->cores, 1);
    assert_int_equal(config->sockets, 1);
    assert_string_equal(config->machine, "pc");
    assert_int_equal(config->kvm, VM_KVM_AUTO);
    assert_int_equal(config->downtime_limit_ms, 300);
    assert_int_equal(config->disks_count, 0);
    assert_int_equal(config->nets_count, 0);
    assert_int_equal(strlen(config->uuid), 36);
}

static void config_identity_is_the_same_each_time(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct setting settings[SETTINGS_MAX] = {{"net0", "virtio,bridge=vmbr0"},
                                                   {"net1", "e1000"}};
    (void)state;
    const struct vm_config *first = parsed(arena, settings);
    const struct vm_config *second = parsed(arena, settings);
    assert_string_equal(first->uuid, second->uuid);
    assert_string_equal(first->nets[0].mac, second->nets[0].mac);
    assert_string_not_equal(first->nets[0].mac, first->nets[1].mac);
    assert_memory_equal(first->nets[0].mac, "02:", 3);
}

static void config_disk_properties_are_read(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct setting settings[SETTINGS_MAX] = {
        {"ide2", "none,media=cdrom"},
        {"scsi30", "file=shared:vm-101-disk-0.qcow2,cache=writeback,discard=on,size=32G"},
        {"virtio0", "/srv/disk,ro=1,serial=abc,format=qcow2"}};
    (void)state;
    const struct vm_config *config = parsed(arena, settings);
    assert_int_equal(config->disks_count, 3);
    assert_true(config->disks[0].cdrom);
    assert_null(config->disks[0].volume);
    const struct vm_disk *scsi = &config->disks[1];
    assert_int_equal(scsi->bus, VM_BUS_SCSI);
    assert_int_equal(scsi->index, 30);
    assert_string_equal(scsi->volume, "shared:vm-101-disk-0.qcow2");
    assert_string_equal(scsi->format, "qcow2");
    assert_int_equal(scsi->cache, VM_CACHE_WRITEBACK);
    assert_true(scsi->discard);
    assert_false(scsi->readonly);
    const struct vm_disk *virtio = &config->disks[2];
    assert_string_equal(virtio->format, "qcow2");
    assert_string_equal(virtio->serial, "abc");
    assert_int_equal(virtio->cache, VM_CACHE_NONE);
    assert_true(virtio->readonly);
}

// What is inside a volume is the guest's: a header there must not change what the file is taken
// for.
static void config_disk_format_is_by_name_only(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct setting settings[SETTINGS_MAX] = {{"scsi0", "shared:a"},
                                                   {"scsi1", "shared:a.qcow2"}};
    (void)state;
    const struct vm_config *config = parsed(arena, settings);
    assert_string_equal(config->disks[0].format, "raw");
    assert_string_equal(config->disks[1].format, "qcow2");
}

static void config_move_limits_are_read(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct setting settings[SETTINGS_MAX] = {{"migrate_downtime", "0.05"},
                                                   {"migrate_speed", "10"}};
    (void)state;
    const struct vm_config *config = parsed(arena, settings);
    assert_int_equal(config->downtime_limit_ms, 50);
    assert_int_equal(config->bandwidth_bytes_s, 10 * 1024 * 1024);
}

struct command_row {
    const char *name;
    struct setting settings[SETTINGS_MAX];
    bool incoming;
    const char *want;
};

static const struct command_row command_rows[] = {
    {"size",
     {{"memory", "64"}, {"cores", "2"}, {"sockets", "3"}},
     false,
     " -m 64 -smp cpus=6,sockets=3,cores=2,threads=1 "},
    {"name", {{"hostname", "web"}}, false, " -name guest=web "},
    {"commas are doubled", {{0}}, false, " -chardev socket,id=qmp,path=/run/a,,b/qmp,server=on"},
    {"no kvm", {{0}}, false, " -accel tcg,tb-size=64 "},
    {"locked image", {{"virtio0", "shared:x"}}, false, "\"locking\":\"on\""},
    {"raw past the cache",
     {{"virtio0", "shared:x"}},
     false,
     "\"cache\":{\"direct\":true,\"no-flush\":false}"},
    {"virtio",
     {{"virtio0", "shared:x"}},
     false,
     " -device virtio-blk-pci,id=virtio0,drive=drive-virtio0,write-cache=on "},
    {"ide",
     {{"ide3", "shared:x"}},
     false,
     " -device ide-hd,bus=ide.1,unit=1,id=ide3,drive=drive-ide3,write-cache=on "},
    {"sata", {{"sata2", "shared:x"}}, false, " -device ich9-ahci,id=ahci0 -blockdev "},
    {"scsi",
     {{"scsi4", "shared:x,cache=directsync"}},
     false,
     " -device scsi-hd,bus=scsihw0.0,channel=0,scsi-id=0,lun=4,id=scsi4,drive=drive-scsi4,"
     "write-cache=off "},
    {"lsi",
     {{"scsi4", "shared:x"}, {"scsihw", "lsi"}},
     false,
     " -device scsi-hd,bus=scsihw0.0,scsi-id=4,id=scsi4,"},
    {"empty drive",
     {{"ide2", "none,media=cdrom"}},
     false,
     " -device ide-cd,bus=ide.1,unit=0,id=ide2 "},
    {"tap",
     {{"net0", "virtio=02:00:00:00:00:01,bridge=vmbr0,mtu=1400"}},
     false,
     " -netdev tap,id=net0,fd=7 -device "
     "virtio-net-pci,netdev=net0,id=dev-net0,mac=02:00:00:00:00:01,host_mtu=1400 "},
    {"own network",
     {{"net0", "virtio,bridge=vmbr0"}, {"net1", "e1000,macaddr=02:00:00:00:00:02"}},
     false,
     " -netdev user,id=net1 -device e1000,netdev=net1,id=dev-net1,mac=02:00:00:00:00:02 "},
    {"boot order",
     {{"boot", "order=net0;scsi0"}, {"net0", "virtio"}, {"scsi0", "shared:x"}},
     false,
     ",write-cache=on,bootindex=2 "},
    {"kernel",
     {{"append", "a b"}, {"initrd", "/i"}, {"kernel", "/k"}},
     false,
     " -kernel /srv/k -initrd /srv/i -append a b "},
    {"agent", {{"agent", "1"}}, false, "chardev=agent,name=org.qemu.guest_agent.0 "},
    {"agent on a serial port",
     {{"agent", "1,type=isa"}},
     false,
     " -device isa-serial,chardev=agent,index=1 "},
    {"agent as others write it",
     {{"agent", "enabled=1,type=virtio"}},
     false,
     "chardev=agent,name=org.qemu.guest_agent.0 "},
    {"serial", {{"serial0", "socket"}}, false, " -device isa-serial,chardev=serial0 "},
    {"incoming", {{0}}, true, " -incoming defer -S "},
    {"args are last", {{"args", "-x  y"}}, true, " -incoming defer -S -x y "},
};

static void command_has_what_the_definition_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(command_rows); i++) {
        const struct command_row *row = &command_rows[i];
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        const char *text = command_of(arena, row->settings, row->incoming);
        if (strstr(text, row->want) == NULL) {
            print_error("%s: '%s' is not in '%s'\n", row->name, row->want, text);
        }
        assert_non_null(strstr(text, row->want));
    }
}

static void command_of_a_start_waits_for_nothing(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct setting none[SETTINGS_MAX] = {{0}};
    (void)state;
    const char *text = command_of(arena, none, false);
    assert_null(strstr(text, "-incoming"));
    assert_null(strstr(text, " -S "));
}

struct refusal {
    struct setting settings[SETTINGS_MAX];
    const char *words;
};

static const struct refusal refusals[] = {
    {{{"colour", "red"}}, "vm:101: colour: unknown key 'colour'"},
    {{{"memory", "15"}}, "memory: '15' is not a number from 16 to"},
    {{{"memory", "1G"}}, "memory: '1G'"},
    {{{"cores", "0"}}, "cores: '0' is not a number from 1 to"},
    {{{"sockets", "x"}}, "sockets: 'x'"},
    {{{"name", "-a"}}, "name: '-a' is not a host name"},
    {{{"name", "a"}, {"hostname", "a"}}, "hostname: means the same as name"},
    {{{"cpu", "-x y"}}, "cpu: '-x y' is not a processor model"},
    {{{"machine", "none"}}, "machine: 'none' is not one of pc, q35"},
    {{{"machine", "pc,accel=kvm"}}, "machine: "},
    {{{"vga", "big"}}, "vga: 'big' is not one of std"},
    {{{"kvm", "maybe"}}, "kvm: 'maybe' is not a boolean"},
    {{{"scsihw", "x"}}, "scsihw: 'x' is not one of virtio-scsi-pci, lsi"},
    {{{"serial0", "/dev/ttyS0"}}, "serial0: '/dev/ttyS0' is not 'socket'"},
    {{{"kernel", "k"}}, "kernel: 'k' is neither"},
    {{{"append", "x"}}, "append: only together with kernel"},
    {{{"initrd", "/x"}}, "initrd: only together with kernel"},
    {{{"append", "a\nb"}}, "append: must be one line"},
    {{{"uuid", "x"}}, "uuid: 'x' is not of the form"},
    {{{"migrate_downtime", "0"}}, "migrate_downtime: '0' is not a time"},
    {{{"migrate_speed", "-1"}}, "migrate_speed: '-1'"},
    {{{"scsi31", "shared:x"}}, "scsi31: there is only scsi0 to scsi30"},
    {{{"scsi01", "shared:x"}}, "scsi01: unknown key"},
    {{{"ide4", "shared:x"}}, "ide4: there is only ide0 to ide3"},
    {{{"scsi0", "../etc/passwd"}}, "scsi0: '../etc/passwd' is neither"},
    {{{"scsi0", "shared:../x"}}, "scsi0: 'shared:../x' is neither"},
    {{{"scsi0", "/a/../b"}}, "scsi0: "},
    {{{"scsi0", "shared:x,cache=big"}}, "scsi0: cache: 'big' is not one of none"},
    {{{"scsi0", "shared:x,colour=1"}}, "scsi0: unknown property 'colour': allowed are format"},
    {{{"scsi0", "shared:x,serial=a b"}}, "serial: 'a b'"},
    {{{"scsi0", "none"}}, "scsi0: 'none' is neither"},
    {{{"virtio0", "shared:x,media=cdrom"}}, "virtio0: media: a cdrom is on ide, sata or scsi"},
    {{{"ide0", "shared:x"}, {"machine", "q35"}}, "ide0: machine 'q35' has no ide"},
    {{{"net0", "bridge=vmbr0"}}, "net0: 'bridge=vmbr0' names no model"},
    {{{"net0", "virtio=01:00:00:00:00:00"}}, "net0: '01:00:00:00:00:00' is not a hardware"},
    {{{"net0", "virtio,bridge=a-name-that-is-too-long"}}, "bridge: "},
    {{{"net0", "virtio,tag=5"}}, "net0: unknown property 'tag'"},
    {{{"net0", "virtio,firewall=1"}}, "firewall: there is none here"},
    {{{"net32", "virtio"}}, "net32: there is only net0 to net31"},
    {{{"boot", "cdn"}}, "boot: 'cdn' is not of the form order=scsi0;net0"},
    {{{"boot", "order=scsi1"}}, "boot: there is no disk or net 'scsi1'"},
    {{{"boot", "order=scsi0;scsi0"}, {"scsi0", "shared:x"}}, "boot: 'scsi0' is named twice"},
};

static void definition_refused_names_key_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct error err = {0};
        int r = vm_config_check(a_guest(arena, refusals[i].settings), &err);
        if (r != -EINVAL || strstr(err.text, refusals[i].words) == NULL) {
            print_error("%s: %d '%s'\n", refusals[i].words, r, err.text);
        }
        assert_int_equal(r, -EINVAL);
        assert_non_null(strstr(err.text, refusals[i].words));
    }
}

// Every key that tools offer is one that is known here.
static void keys_for_tools_are_known(void **state)
{
    size_t count = 0;
    (void)state;
    for (const char *key = NULL; (key = vm_config_key(count)) != NULL; count++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct error err = {0};
        const struct setting settings[SETTINGS_MAX] = {{key, "?"}};
        if (vm_config_check(a_guest(arena, settings), &err) < 0) {
            assert_null(strstr(err.text, "unknown key"));
        }
    }
    assert_true(count > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_of_nothing_has_defaults),
        cmocka_unit_test(config_identity_is_the_same_each_time),
        cmocka_unit_test(config_disk_properties_are_read),
        cmocka_unit_test(config_disk_format_is_by_name_only),
        cmocka_unit_test(config_move_limits_are_read),
        cmocka_unit_test(command_has_what_the_definition_says),
        cmocka_unit_test(command_of_a_start_waits_for_nothing),
        cmocka_unit_test(definition_refused_names_key_and_reason),
        cmocka_unit_test(keys_for_tools_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

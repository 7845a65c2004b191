// SPDX-License-Identifier: Apache-2.0
// Existing configuration files: what becomes of each key, what is named, what is refused.
#include <errno.h>
#include <string.h>

#include "cli/import_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "tests/lib/test.h"

struct fixture {
    struct arena *arena;
    struct import import;
    struct guest *guest;
    struct error err;
};

// "gone" is defined nowhere, what lies in "away" is not on this node, "iso" lies in a folder.
static int find_volume(void *userdata, const char *storage, const char *volume,
                       const char **ret_name, const char **ret_note, struct error *err)
{
    struct fixture *f = userdata;
    if (strcmp(storage, "gone") == 0) {
        return error_set(err, -EINVAL, "storage 'gone' is not defined");
    }
    *ret_note = strcmp(storage, "away") == 0 ? "is not there" : NULL;
    *ret_name =
        arena_printf(f->arena, "here:%s%s", strstr(volume, "iso/") ? "template/" : "", volume);
    return 0;
}

static int translate(struct fixture *f, const char *sid, const char *text)
{
    f->import = (struct import){
        .arena = f->arena, .file = "x/100.conf", .find_volume = find_volume, .userdata = f};
    error_clear(&f->err);
    int r = import_file_parse(&f->import, text, strlen(text), &f->err);
    f->guest = guest_new(f->arena, sid, "node1");
    return r < 0 ? r : import_file_translate(&f->import, f->guest, &f->err);
}

static const char *definition(struct fixture *f)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    map_each (e, &f->guest->config) {
        strbuf_appendf(&out, "%s: %s\n", e->key, (const char *)e->value);
    }
    return arena_strdup(f->arena, strbuf_text(&out));
}

static const char *notes(struct fixture *f)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < f->import.notes_count; i++) {
        strbuf_appendf(&out, "%s\n", f->import.notes[i]);
    }
    return arena_strdup(f->arena, strbuf_text(&out));
}

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct fixture *f = arena_new_of(arena, struct fixture);
    f->arena = arena;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    return 0;
}

static void container_becomes_ours(void **state)
{
    struct fixture *f = *state;
    int r =
        translate(f, "ct:100",
                  "# mail%3A old\n"
                  "#second line\r\n"
                  "arch: amd64\n"
                  "cores: 2\n"
                  "cpulimit: 1.5\n"
                  "\n"
                  "features: keyctl=1,nesting=1,mount=nfs\n"
                  "hostname: web\n"
                  "lock: backup\n"
                  "memory:512\n"
                  "mp0: nas:subvol-100-disk-1,mp=/data,backup=1,acl=1\n"
                  "mp1: /srv/x,mp=/x,ro=1\n"
                  "nameserver: 10.0.0.1 10.0.0.2\n"
                  "net0: name=eth0,bridge=vmbr0,firewall=1,gw=10.0.0.1,hwaddr=BC:24:11:00:00:01,"
                  "ip=10.0.0.5/24,tag=5,type=veth\n"
                  "net1: name=eth1,bridge=vmbr1,firewall=0,ip=dhcp,ip6=auto,type=veth\n"
                  "onboot: 1\n"
                  "ostype: debian\n"
                  "rootfs: away:subvol-100-disk-0,size=8G,quota=1\n"
                  "startup: order=2,up=30\n"
                  "swap: 0\n"
                  "tags: a;b\n"
                  "timezone: host\n"
                  "unprivileged: 1\n"
                  "unused0: nas:vm-100-disk-9\n"
                  "lxc.mount.auto: cgroup\n"
                  "lxc.mount.auto: sys\n"
                  "novelty: 1\n"
                  "\n"
                  "[snap1]\n"
                  "memory: 1\n"
                  "memory: 2\n"
                  "no line at all\n");
    assert_string_equal(f->err.text, "");
    assert_int_equal(r, 0);
    assert_string_equal(
        definition(f),
        "arch: amd64\ncores: 2\ncpulimit: 1.5\ndescription:  mail: old\nsecond line\n"
        "features: keyctl=1,nesting=1\nhostname: web\nmemory: 512\n"
        "mp0: here:subvol-100-disk-1,mp=/data,backup=1\nmp1: /srv/x,mp=/x,ro=1\n"
        "nameserver: 10.0.0.1 10.0.0.2\n"
        "net0: name=eth0,bridge=vmbr0,gw=10.0.0.1,hwaddr=BC:24:11:00:00:01,ip=10.0.0.5/24,tag=5,"
        "type=veth\n"
        "net1: name=eth1,bridge=vmbr1,ip=dhcp,ip6=auto,type=veth\nonboot: 1\nostype: debian\n"
        "rootfs: here:subvol-100-disk-0,size=8G\nstartup: order=2,up=30\nswap: 0\ntags: a;b\n"
        "unprivileged: 1\n");
    assert_string_equal(
        notes(f),
        "x/100.conf:29: [snap1]: left out, as all that follows in this section\n"
        "x/100.conf:7: features: 'mount=nfs' has no effect here and is left out\n"
        "x/100.conf:9: lock: the lock 'backup' is not taken over\n"
        "x/100.conf:11: mp0: 'acl=1' has no effect here and is left out\n"
        "x/100.conf:14: net0: 'firewall=1' has no effect here and is left out\n"
        "x/100.conf:18: rootfs: 'quota=1' has no effect here and is left out\n"
        "x/100.conf:18: rootfs: is not there\n"
        "x/100.conf:22: timezone: 'host' has no effect here and is left out\n"
        "x/100.conf:24: unused0: the volume 'nas:vm-100-disk-9', which it does not use, is left out\n"
        "x/100.conf:25: lxc.mount.auto: 'cgroup' is left out: LXC's configuration is made from the "
        "keys here\n"
        "x/100.conf:26: lxc.mount.auto: 'sys' is left out: LXC's configuration is made from the "
        "keys here\n"
        "x/100.conf:27: novelty: is not known and is left out\n");
}

static void machine_becomes_ours(void **state)
{
    struct fixture *f = *state;
    int r = translate(f, "vm:101",
                      "agent: 1,fstrim_cloned_disks=1\n"
                      "balloon: 0\n"
                      "bios: seabios\n"
                      "boot: order=scsi0;ide2;net0\n"
                      "cores: 2\n"
                      "cpu: x86-64-v2-AES,flags=+pcid;-spec-ctrl,hidden=1\n"
                      "ide2: nas:iso/debian.iso,media=cdrom,size=600M\n"
                      "machine: pc-q35-7.2+pve0,viommu=intel\n"
                      "sata1: none,media=cdrom\n"
                      "memory: current=2048\n"
                      "name: db\n"
                      "net0: virtio=BC:24:11:00:00:02,bridge=vmbr0,firewall=1,mtu=1,queues=2\n"
                      "net1: e1000=BC:24:11:00:00:03,bridge=vmbr0,tag=5\n"
                      "numa: 0\n"
                      "ostype: l26\n"
                      "protection: 1\n"
                      "scsi0: nas:101/vm-101-disk-0.qcow2,cache=writeback,discard=on,iothread=1,"
                      "size=32G,ssd=1\n"
                      "scsihw: virtio-scsi-single\n"
                      "serial0: socket\n"
                      "smbios1: uuid=11111111-2222-3333-4444-555555555555,serial=abc\n"
                      "sockets: 1\n"
                      "usb0: host=1234:5678\n"
                      "vga: serial0,memory=32\n"
                      "vmgenid: 11111111-2222-3333-4444-555555555556\n"
                      "kvm: 1\n"
                      "[PENDING]\n"
                      "memory: 4096\n");
    assert_string_equal(f->err.text, "");
    assert_int_equal(r, 0);
    assert_string_equal(
        definition(f),
        "agent: 1\nboot: order=scsi0;sata0;net0\ncores: 2\n"
        "cpu: qemu64,+cx16,+lahf_lm,+popcnt,+pni,+ssse3,+sse4.1,+sse4.2,+aes,+pcid,-spec-ctrl\n"
        "machine: pc-q35-7.2\nmemory: 2048\nname: db\n"
        "net0: virtio=BC:24:11:00:00:02,bridge=vmbr0\n"
        "net1: e1000=BC:24:11:00:00:03,bridge=vmbr0,link_down=1\nostype: l26\nprotection: 1\n"
        "sata0: here:template/iso/debian.iso,media=cdrom,size=600M\nsata1: none,media=cdrom\n"
        "scsi0: here:101/vm-101-disk-0.qcow2,cache=writeback,discard=on,size=32G\n"
        "scsihw: virtio-scsi-pci\nserial0: socket\nsockets: 1\n"
        "uuid: 11111111-2222-3333-4444-555555555555\nvga: none\n");
    assert_string_equal(
        notes(f),
        "x/100.conf:26: [PENDING]: left out, as all that follows in this section\n"
        "x/100.conf:1: agent: 'fstrim_cloned_disks=1' has no effect here and is left out\n"
        "x/100.conf:2: balloon: '0' has no effect here and is left out\n"
        "x/100.conf:6: cpu: 'hidden=1' has no effect here and is left out\n"
        "x/100.conf:8: machine: 'viommu=intel' has no effect here and is left out\n"
        "x/100.conf:8: machine: 'pc-q35-7.2+pve0' becomes 'pc-q35-7.2'\n"
        "x/100.conf:12: net0: 'firewall=1' has no effect here and is left out\n"
        "x/100.conf:12: net0: 'queues=2' has no effect here and is left out\n"
        "x/100.conf:13: net1: 'tag=5' has no effect here and is left out\n"
        "x/100.conf:13: net1: there are no VLANs for machines here: its link is down "
        "(link_down=1)\n"
        "x/100.conf:14: numa: '0' has no effect here and is left out\n"
        "x/100.conf:17: scsi0: 'iothread=1' has no effect here and is left out\n"
        "x/100.conf:17: scsi0: 'ssd=1' has no effect here and is left out\n"
        "x/100.conf:18: scsihw: 'virtio-scsi-single' becomes 'virtio-scsi-pci'\n"
        "x/100.conf:20: smbios1: 'serial=abc' has no effect here and is left out\n"
        "x/100.conf:22: usb0: 'host=1234:5678' has no effect here and is left out\n"
        "x/100.conf:23: vga: 'memory=32' has no effect here and is left out\n"
        "x/100.conf:24: vmgenid: '11111111-2222-3333-4444-555555555556' has no effect here and is "
        "left out\n"
        "x/100.conf:7: ide2: becomes sata0: a q35 has no ide\n");
}

struct boot_row {
    const char *name;
    const char *lines;
    const char *order; // NULL: the key is not set
};

static const struct boot_row boot_rows[] = {
    {"letters", "boot: dcn\nbootdisk: scsi0\n", "order=ide2;scsi0;net0"},
    {"a disk alone", "bootdisk: scsi0\n", "order=scsi0;ide2;net0"},
    {"letters with their name", "boot: legacy=cn\nbootdisk: scsi0\n", "order=scsi0;net0"},
    {"floppy only", "boot: a\n", NULL},
    {"no disk named", "boot: cn\n", "order=net0"},
    {"order", "boot: order=net0;scsi0\n", "order=net0;scsi0"},
    {"nothing", "", NULL},
};

static void machine_boots_as_it_did(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(boot_rows); i++) {
        const struct boot_row *row = &boot_rows[i];
        const char *text = arena_printf(f->arena,
                                        "%sscsi0: nas:a.raw\nide2: none,media=cdrom\n"
                                        "net0: virtio=BC:24:11:00:00:02\n",
                                        row->lines);
        int r = translate(f, "vm:101", text);
        const char *order = r == 0 ? map_find(&f->guest->config, "boot") : f->err.text;
        if ((order == NULL) != (row->order == NULL) ||
            (order != NULL && strcmp(order, row->order) != 0)) {
            fail_msg("%s: %s", row->name, order != NULL ? order : "no order");
        }
    }
}

struct refusal_row {
    const char *sid;
    const char *text;
    const char *words;
};

static const struct refusal_row refusal_rows[] = {
    {"ct:100", "rootfs: nas:a\nno line\n", "x/100.conf:2: expected '<key>: <value>'"},
    {"ct:100", "rootfs: nas:a\n1a: b\n", "x/100.conf:2: expected '<key>: <value>'"},
    {"ct:100", "rootfs: nas:a\nmemory: 64\nmemory: 65\n",
     "x/100.conf:3: memory: is in line 2 already"},
    {"ct:100", "rootfs: nas:a\nmemory:\n", "x/100.conf:2: memory: has no value"},
    {"ct:100", "\nrootfs: gone:a\n", "x/100.conf:2: rootfs: storage 'gone' is not defined"},
    {"ct:100", "rootfs: a\n", "x/100.conf:1: rootfs: 'a' is neither <storage>:<volume> nor an"},
    {"ct:100", "memory: lots\nrootfs: nas:a\n", "x/100.conf:1: memory: 'lots' is not a size of"},
    {"ct:100", "rootfs: nas:a\nnet3: name=eth0\n", "x/100.conf:2: net3: bridge is required"},
    {"ct:100", "memory: 64\n", "x/100.conf: rootfs: is required"},
    {"ct:100", "\x01: a\n", "x/100.conf:1: expected '<key>: <value>'"},
    {"ct:100", "\xff\n", "x/100.conf: is not a text file"},
    {"ct:100", "#%ff\nrootfs: nas:a\n", "x/100.conf: the comment at its beginning is not UTF-8"},
    {"vm:101", "cores: 0\n", "x/100.conf:1: cores: '0' is not a number from 1 to"},
    {"vm:101", "scsi0: gone:a\n", "x/100.conf:1: scsi0: storage 'gone' is not defined"},
    {"vm:101", "name: a\nscsihw: megasas\n", "x/100.conf:2: scsihw: 'megasas' is not one of"},
    {"vm:101", "cpu: custom-mine\n", "x/100.conf:1: cpu: 'custom-mine' is a model of your own"},
    {"vm:101", "boot: order=scsi0\n", "x/100.conf:1: boot: there is no disk or net 'scsi0'"},
    {"vm:101", "boot: x\n", "x/100.conf:1: boot: 'x' is not one of a, c, d, n"},
    {"vm:101", "bootdisk: net0\n", "x/100.conf:1: bootdisk: 'net0' is not the name of a disk"},
    {"vm:101", "smbios1: uuid=1\n", "x/100.conf:1: smbios1: '1' is not of the form"},
    {"vm:101", "kvm: maybe\n", "x/100.conf:1: kvm: 'maybe' is not a boolean"},
    {"vm:101", "vga: big\n", "x/100.conf:1: vga: 'big' is not one of"},
};

static void file_refused_names_line_and_key(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(refusal_rows); i++) {
        const struct refusal_row *row = &refusal_rows[i];
        int r = translate(f, row->sid, row->text);
        if (r != -EINVAL || strncmp(f->err.text, row->words, strlen(row->words)) != 0) {
            fail_msg("'%s': %d: %s", row->text, r, f->err.text);
        }
    }
}

static void file_with_a_root_file_system_is_a_container(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(translate(f, "ct:100", "rootfs: nas:a\n"), 0);
    assert_true(import_file_is_container(&f->import));
    assert_int_equal(translate(f, "vm:101", "[old]\nrootfs: nas:a\n"), 0);
    assert_false(import_file_is_container(&f->import));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(container_becomes_ours),
        TEST(machine_becomes_ours),
        TEST(machine_boots_as_it_did),
        TEST(file_refused_names_line_and_key),
        TEST(file_with_a_root_file_system_is_a_container),
    };
    return cmocka_run_group_tests_name("import_file", tests, NULL, NULL);
}

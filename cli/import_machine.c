// SPDX-License-Identifier: Apache-2.0
// Keys of machines in existing configuration files.
#include <errno.h>
#include <string.h>

#include "cli/import_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"

enum { MACHINE_SATA_MAX = 6 };

// These are called the same here.
static const char *const same_keys[] = {"agent",
                                        "args",
                                        "cores",
                                        "description",
                                        "memory",
                                        "name",
                                        "onboot",
                                        "ostype",
                                        "protection",
                                        "sockets",
                                        "startup",
                                        "tags",
                                        "migrate_downtime",
                                        "migrate_speed",
                                        NULL};

// These mean nothing here.
static const char *const void_keys[] = {
    "acpi",       "affinity",       "allow-ksm",    "amd-sev",
    "arch",       "audio0",         "autostart",    "balloon",
    "cdrom",      "ciupgrade",      "cicustom",     "cipassword",
    "citype",     "ciuser",         "cpulimit",     "cpuunits",
    "efidisk0",   "freeze",         "hookscript",   "hotplug",
    "hugepages",  "intel-tdx",      "ivshmem",      "keephugepages",
    "keyboard",   "localtime",      "meta",         "nameserver",
    "numa",       "parent",         "reboot",       "rng0",
    "runningcpu", "runningmachine", "searchdomain", "shares",
    "smp",        "snapstate",      "snaptime",     "spice_enhancements",
    "sshkeys",    "startdate",      "tablet",       "tdf",
    "template",   "tpmstate0",      "vcpus",        "vmgenid",
    "vmstate",    "vmstatestorage", "watchdog",     NULL};
static const char *const void_kinds[] = {"hostpci", "ipconfig", "numa", "parallel",
                                         "usb",     "virtiofs", NULL};

static const char *const disk_kept[] = {"file",   "volume",  "format",   "cache",
                                        "media",  "discard", "readonly", "ro",
                                        "serial", "size",    "backup",   NULL};

// Levels of processors by the x86-64 psABI, as properties of a processor that every QEMU knows.
static const struct cpu_level {
    const char *name;
    const char *properties;
} cpu_levels[] = {
    {"x86-64-v2", "qemu64,+cx16,+lahf_lm,+popcnt,+pni,+ssse3,+sse4.1,+sse4.2"},
    {"x86-64-v2-AES", "qemu64,+cx16,+lahf_lm,+popcnt,+pni,+ssse3,+sse4.1,+sse4.2,+aes"},
    {"x86-64-v3",
     "qemu64,+cx16,+lahf_lm,+popcnt,+pni,+ssse3,+sse4.1,+sse4.2,+aes,+xsave,+avx,+avx2,"
     "+bmi1,+bmi2,+f16c,+fma,+abm,+movbe"},
    {"x86-64-v4",
     "qemu64,+cx16,+lahf_lm,+popcnt,+pni,+ssse3,+sse4.1,+sse4.2,+aes,+xsave,+avx,+avx2,"
     "+bmi1,+bmi2,+f16c,+fma,+abm,+movbe,+avx512f,+avx512bw,+avx512cd,+avx512dq,"
     "+avx512vl"},
};

static bool is_disk(const char *key)
{
    return import_is_numbered(key, "scsi") || import_is_numbered(key, "virtio") ||
           import_is_numbered(key, "sata") || import_is_numbered(key, "ide");
}

// "host,flags=+aes;-pcid" → "host,+aes,-pcid".
static int machine_cpu(struct import *import, const struct import_line *line, struct error *err)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    const char *value = line->value;
    for (bool first = true; *value != '\0'; first = false) {
        size_t length = strcspn(value, ",");
        const char *word = arena_memdup(import->arena, value, length);
        value += length + (value[length] == ',' ? 1 : 0);
        if (strncmp(word, "flags=", 6) == 0) {
            struct parse_words flags = parse_list(import->arena, word + 6);
            for (size_t i = 0; i < flags.count; i++) {
                strbuf_appendf(&out, ",%s", flags.words[i]);
            }
            continue;
        }
        const char *model = strncmp(word, "cputype=", 8) == 0    ? word + 8
                            : first && strchr(word, '=') == NULL ? word
                                                                 : NULL;
        if (model == NULL) {
            import_note(import, line, "'%s' has no effect here and is left out", word);
            continue;
        }
        for (size_t i = 0; i < ARRAY_SIZE(cpu_levels); i++) {
            model = strcmp(cpu_levels[i].name, model) == 0 ? cpu_levels[i].properties : model;
        }
        if (strncmp(model, "custom-", 7) == 0) {
            return error_set(err, -EINVAL, "'%s' is a model of your own, which QEMU does not know",
                             model);
        }
        strbuf_append(&out, model);
    }
    import_put(import, line, "cpu", strbuf_text(&out));
    return 0;
}

static int machine_disk(struct import *import, const struct import_line *line, struct error *err)
{
    const char *value = import_keep(import, line, line->value, disk_kept);
    if (strncmp(value, "cdrom", 5) == 0 && (value[5] == ',' || value[5] == '\0')) {
        import_note(import, line, "the node's own drive is not given to machines: it has no disc");
        value = arena_printf(import->arena, "none%s", value + 5);
    }
    int r = import_volume(import, line, value, &value, err);
    if (r == 0) {
        import_put(import, line, line->key, value);
    }
    return r;
}

// "virtio=52:54:00:12:34:56,bridge=vmbr0,firewall=1,tag=5". In the wrong network a machine is worse
// off than in none.
static void machine_net(struct import *import, const struct import_line *line)
{
    static const char *const kept[] = {"virtio",  "e1000",     "e1000e",  "rtl8139",
                                       "vmxnet3", "model",     "macaddr", "bridge",
                                       "mtu",     "link_down", NULL};
    struct strbuf out CLEANUP(strbuf_done) = {0};
    const char *value = line->value;
    bool tagged = false;
    while (*value != '\0') {
        size_t length = strcspn(value, ",");
        const char *word = arena_memdup(import->arena, value, length);
        value += length + (value[length] == ',' ? 1 : 0);
        tagged = tagged || strncmp(word, "tag=", 4) == 0 || strncmp(word, "trunks=", 7) == 0;
        // A firewall that is off is as good as none; an MTU of 1 is the bridge's.
        if (strcmp(word, "firewall=0") != 0 && strcmp(word, "mtu=1") != 0) {
            strbuf_appendf(&out, "%s%s", out.size_bytes > 0 ? "," : "", word);
        }
    }
    const char *net =
        import_keep(import, line, arena_strdup(import->arena, strbuf_text(&out)), kept);
    if (tagged && strstr(net, "link_down=") == NULL) {
        import_note(import, line,
                    "there are no VLANs for machines here: its link is down (link_down=1)");
        net = arena_printf(import->arena, "%s,link_down=1", net);
    }
    import_put(import, line, line->key, net);
}

static void machine_display(struct import *import, const struct import_line *line)
{
    static const char *const kept[] = {"type", NULL};
    const char *value = import_keep(import, line, line->value, kept);
    value += strncmp(value, "type=", 5) == 0 ? 5 : 0;
    if (strncmp(value, "serial", 6) == 0) {
        value = "none"; // the serial port has a key of its own
    } else if (strncmp(value, "qxl", 3) == 0) {
        value = "qxl";
    } else if (strcmp(value, "virtio-gl") == 0) {
        import_note(import, line, "'virtio-gl' becomes 'virtio'");
        value = "virtio";
    }
    import_put(import, line, "vga", value);
}

static int machine_serial(struct import *import, const struct import_line *line)
{
    if (strcmp(line->key, "serial0") == 0 && strcmp(line->value, "socket") == 0) {
        import_put(import, line, line->key, line->value);
    } else {
        import_note(import, line, "'%s' has no effect here and is left out", line->value);
    }
    return 0;
}

static void machine_scsihw(struct import *import, const struct import_line *line)
{
    const char *value = line->value;
    if (strcmp(value, "virtio-scsi-single") == 0) {
        import_note(import, line, "'virtio-scsi-single' becomes 'virtio-scsi-pci'");
        value = "virtio-scsi-pci";
    }
    import_put(import, line, "scsihw", value);
}

// "pc-q35-8.1+pve0,viommu=intel": what follows the version is not QEMU's.
static void machine_type(struct import *import, const struct import_line *line)
{
    static const char *const kept[] = {"type", NULL};
    const char *value = import_keep(import, line, line->value, kept);
    value += strncmp(value, "type=", 5) == 0 ? 5 : 0;
    const char *plain = arena_memdup(import->arena, value, strcspn(value, "+"));
    if (strcmp(plain, value) != 0) {
        import_note(import, line, "'%s' becomes '%s'", value, plain);
    }
    import_put(import, line, "machine", plain);
}

static void machine_smbios(struct import *import, const struct import_line *line)
{
    static const char *const kept[] = {"uuid", NULL};
    const char *value = import_keep(import, line, line->value, kept);
    if (strncmp(value, "uuid=", 5) == 0) {
        import_put(import, line, "uuid", value + 5);
    } else {
        import_note(import, line, "no uuid is in it: the machine gets a new one");
    }
}

static int machine_flags(struct import *import, const struct import_line *line, struct error *err)
{
    bool truth = false;
    if (strcmp(line->key, "kvm") == 0) {
        // There 1 is the default; here it would insist on what a node may not have.
        if (parse_bool(line->value, &truth) < 0) {
            return error_set(err, -EINVAL, "'%s' is not a boolean, 0 or 1", line->value);
        }
        if (!truth) {
            import_put(import, line, "kvm", "0");
        }
        return 0;
    }
    if (strcmp(line->value, "seabios") != 0) {
        import_note(import, line, "'%s' has no effect here: it starts with SeaBIOS", line->value);
    }
    return 0;
}

int import_machine_line(struct import *import, const struct import_line *line, struct error *err)
{
    const char *key = line->key;
    if (strcmp(key, "memory") == 0) {
        import_put(import, line, key,
                   line->value + (strncmp(line->value, "current=", 8) == 0 ? 8 : 0));
    } else if (strcmp(key, "agent") == 0) {
        static const char *const kept[] = {"enabled", "type", NULL};
        import_put(import, line, key, import_keep(import, line, line->value, kept));
    } else if (import_is_one_of(key, same_keys)) {
        import_put(import, line, key, line->value);
    } else if (is_disk(key)) {
        return machine_disk(import, line, err);
    } else if (import_is_numbered(key, "net")) {
        machine_net(import, line);
    } else if (strcmp(key, "cpu") == 0) {
        return machine_cpu(import, line, err);
    } else if (strcmp(key, "vga") == 0) {
        machine_display(import, line);
    } else if (import_is_numbered(key, "serial")) {
        return machine_serial(import, line);
    } else if (strcmp(key, "scsihw") == 0) {
        machine_scsihw(import, line);
    } else if (strcmp(key, "machine") == 0) {
        machine_type(import, line);
    } else if (strcmp(key, "smbios1") == 0) {
        machine_smbios(import, line);
    } else if (strcmp(key, "kvm") == 0 || strcmp(key, "bios") == 0) {
        return machine_flags(import, line, err);
    } else if (strcmp(key, "lock") == 0) {
        import_note(import, line, "the lock '%s' is not taken over", line->value);
    } else if (import_is_numbered(key, "unused")) {
        import_note(import, line, "the volume '%s', which it does not use, is left out",
                    line->value);
    } else if (strcmp(key, "boot") != 0 && strcmp(key, "bootdisk") != 0) {
        bool known = import_is_one_of(key, void_keys);
        for (size_t i = 0; void_kinds[i] != NULL; i++) {
            known = known || import_is_numbered(key, void_kinds[i]);
        }
        if (known) {
            import_note(import, line, "'%s' has no effect here and is left out", line->value);
        } else {
            import_note(import, line, "is not known and is left out");
        }
    }
    return 0;
}

static void append_device(struct strbuf *order, const char *key)
{
    strbuf_appendf(order, "%s%s", order->size_bytes > 0 ? ";" : "order=", key);
}

// The first device of a kind: 'd', a disc; 'n', a net.
static const char *first_device(const struct import *import, char kind)
{
    map_each (e, &import->guest->config) {
        const char *value = e->value;
        bool is_disc = is_disk(e->key) && strstr(value, "media=cdrom") != NULL;
        if ((kind == 'd' && is_disc) || (kind == 'n' && import_is_numbered(e->key, "net"))) {
            return e->key;
        }
    }
    return NULL;
}

// The old form: "cdn" and the disk that "c" is.
static int machine_boot_letters(struct import *import, const char *letters, const char *disk,
                                struct strbuf *order, struct error *err)
{
    for (; *letters != '\0'; letters++) {
        const char *device = *letters == 'c' ? disk : first_device(import, *letters);
        if (strchr("acdn", *letters) == NULL) {
            return error_set(err, -EINVAL, "'%c' is not one of a, c, d, n", *letters);
        }
        if (device != NULL) {
            append_device(order, device);
        }
    }
    return 0;
}

// A q35 has no ide: there such disks are on its sata controller, which is what they were anyway.
// Returns the key that a device has here.
static const char *machine_device(struct import *import, const char *key)
{
    const char *machine = map_find(&import->guest->config, "machine");
    bool is_q35 = machine != NULL && strstr(machine, "q35") != NULL;
    for (int i = 0; is_q35 && import_is_numbered(key, "ide") && i < MACHINE_SATA_MAX; i++) {
        const char *here = arena_printf(import->arena, "sata%d", i);
        const struct import_line *taken = map_find(&import->origins, here);
        if (taken != NULL && strcmp(taken->key, key) == 0) {
            return here;
        }
    }
    return key;
}

static void machine_move_disks(struct import *import)
{
    const struct guest *before = guest_clone(import->arena, import->guest);
    const char *machine = map_find(&before->config, "machine");
    if (machine == NULL || strstr(machine, "q35") == NULL) {
        return;
    }
    map_each (e, &before->config) {
        const char *here = NULL;
        for (int i = 0; import_is_numbered(e->key, "ide") && here == NULL && i < MACHINE_SATA_MAX;
             i++) {
            const char *sata = arena_printf(import->arena, "sata%d", i);
            here = map_has(&import->guest->config, sata) ? NULL : sata;
        }
        if (here != NULL) {
            const struct import_line *line = map_find(&import->origins, e->key);
            import_note(import, line, "becomes %s: a q35 has no ide", here);
            import_put(import, line, here, e->value);
            (void)map_remove(&import->guest->config, e->key);
        }
    }
}

int import_machine_finish(struct import *import, struct error *err)
{
    struct strbuf order CLEANUP(strbuf_done) = {0};
    struct error problem = {0};
    machine_move_disks(import);
    const struct import_line *boot = import_find(import, "boot");
    const struct import_line *disk = import_find(import, "bootdisk");
    const struct import_line *line = boot != NULL ? boot : disk;
    if (line == NULL) {
        return 0;
    }
    const char *letters = boot != NULL ? boot->value : "cdn";
    letters += strncmp(letters, "legacy=", 7) == 0 ? 7 : 0;
    const char *disk_key =
        disk != NULL && is_disk(disk->value) ? machine_device(import, disk->value) : NULL;
    int r = 0;
    if (strncmp(letters, "order=", 6) == 0) {
        struct parse_words words = parse_list(import->arena, letters + 6);
        for (size_t i = 0; i < words.count; i++) {
            append_device(&order, machine_device(import, words.words[i]));
        }
    } else if (disk != NULL && disk_key == NULL) {
        line = disk;
        r = error_set(&problem, -EINVAL, "'%s' is not the name of a disk", disk->value);
    } else {
        r = machine_boot_letters(import, letters, disk_key, &order, &problem);
    }
    if (r < 0) {
        return error_set(err, r, "%s:%zu: %s: %s", import->file, line->number, line->key,
                         problem.text);
    }
    if (order.size_bytes > 0) {
        import_put(import, line, "boot", strbuf_text(&order));
    }
    return 0;
}

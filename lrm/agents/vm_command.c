// SPDX-License-Identifier: Apache-2.0
// QEMU's words for a machine. Every image is opened with QEMU's own lock on it: the second line
// against a second user, behind the leases (INV-1).
#include "lrm/agents/vm_command.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "lrm/agents/vm_config.h"

enum {
    VM_COMMAND_WORDS_MAX = 1024,
    VM_COMMAND_TRANSLATED_MIB = 64, // of translated code; QEMU's default may be a gigabyte
};

struct words {
    struct arena *arena;
    const char **items;
    size_t count;
};

static void add(struct words *words, const char *word)
{
    assert(words->count + 1 < VM_COMMAND_WORDS_MAX);
    words->items[words->count++] = word;
}

static void add_pair(struct words *words, const char *option, const char *value)
{
    add(words, option);
    add(words, value);
}

// In an option's value a comma ends it unless it is doubled.
static const char *escape(struct arena *arena, const char *text)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (; *text != '\0'; text++) {
        strbuf_append_char(&out, *text);
        if (*text == ',') {
            strbuf_append_char(&out, ',');
        }
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static const char *socket_option(struct arena *arena, const char *id, const char *folder,
                                 const char *name)
{
    return arena_printf(arena, "socket,id=%s,path=%s/%s,server=on,wait=off", id,
                        escape(arena, folder), name);
}

static void add_basics(struct words *words, const struct vm_config *config,
                       const struct vm_command_input *input)
{
    struct arena *arena = words->arena;
    add(words, input->program);
    add(words, "-nodefaults");
    add(words, "-no-user-config");
    add_pair(words, "-display", "none");
    add_pair(words, "-name", arena_printf(arena, "guest=%s", config->name));
    add_pair(words, "-uuid", config->uuid);
    add_pair(words, "-machine", arena_printf(arena, "type=%s", config->machine));
    add_pair(words, "-accel",
             input->kvm ? "kvm" : arena_printf(arena, "tcg,tb-size=%d", VM_COMMAND_TRANSLATED_MIB));
    if (config->cpu != NULL) {
        add_pair(words, "-cpu", config->cpu);
    }
    add_pair(words, "-m", arena_printf(arena, "%" PRId64, config->memory_mib));
    add_pair(words, "-smp",
             arena_printf(arena, "cpus=%" PRId64 ",sockets=%" PRId64 ",cores=%" PRId64 ",threads=1",
                          config->sockets * config->cores, config->sockets, config->cores));
    add_pair(words, "-vga", config->vga);
    add_pair(words, "-chardev", socket_option(arena, "qmp", input->folder, "qmp"));
    add_pair(words, "-mon", "chardev=qmp,mode=control");
}

static void add_channels(struct words *words, const struct vm_config *config,
                         const struct vm_command_input *input)
{
    if (config->serial) {
        add_pair(words, "-chardev",
                 socket_option(words->arena, "serial0", input->folder, "serial0"));
        add_pair(words, "-device", "isa-serial,chardev=serial0");
    }
    if (config->agent && config->agent_isa) {
        add_pair(words, "-chardev", socket_option(words->arena, "agent", input->folder, "agent"));
        add_pair(words, "-device", "isa-serial,chardev=agent,index=1");
    } else if (config->agent) {
        add_pair(words, "-device", "virtio-serial-pci,id=channels");
        add_pair(words, "-chardev", socket_option(words->arena, "agent", input->folder, "agent"));
        add_pair(words, "-device",
                 "virtserialport,bus=channels.0,chardev=agent,name=org.qemu.guest_agent.0");
    }
}

static bool has_bus(const struct vm_config *config, enum vm_bus bus)
{
    for (size_t i = 0; i < config->disks_count; i++) {
        if (config->disks[i].bus == bus) {
            return true;
        }
    }
    return false;
}

static const char *blockdev(struct arena *arena, const struct vm_disk *disk, const char *path)
{
    struct json *cache = json_new_object(arena);
    bool direct = disk->cache == VM_CACHE_NONE || disk->cache == VM_CACHE_DIRECTSYNC;
    json_put_bool(cache, "direct", direct);
    json_put_bool(cache, "no-flush", disk->cache == VM_CACHE_UNSAFE);
    struct json *file = json_new_object(arena);
    json_put_string(file, "driver", "file");
    json_put_string(file, "filename", path);
    json_put_string(file, "locking", "on");
    json_put(file, "cache", cache);
    json_put_bool(file, "read-only", disk->readonly);
    json_put_string(file, "discard", disk->discard ? "unmap" : "ignore");
    struct json *format = json_new_object(arena);
    json_put_string(format, "driver", disk->format);
    json_put_string(format, "node-name", arena_printf(arena, "drive-%s", disk->key));
    json_put(format, "cache", cache);
    json_put_bool(format, "read-only", disk->readonly);
    json_put_string(format, "discard", disk->discard ? "unmap" : "ignore");
    json_put(format, "file", file);
    return json_to_text(arena, format);
}

static const char *disk_place(struct arena *arena, const struct vm_config *config,
                              const struct vm_disk *disk)
{
    const char *kind = disk->cdrom ? "cd" : "hd";
    switch (disk->bus) {
    case VM_BUS_IDE:
        return arena_printf(arena, "ide-%s,bus=ide.%" PRId64 ",unit=%" PRId64, kind,
                            disk->index / 2, disk->index % 2);
    case VM_BUS_SATA:
        return arena_printf(arena, "ide-%s,bus=ahci0.%" PRId64, kind, disk->index);
    case VM_BUS_SCSI:
        // The one controller has numbers of devices below 8, the other of units.
        return strcmp(config->scsi_controller, "virtio-scsi-pci") == 0
                   ? arena_printf(arena, "scsi-%s,bus=scsihw0.0,channel=0,scsi-id=0,lun=%" PRId64,
                                  kind, disk->index)
                   : arena_printf(arena, "scsi-%s,bus=scsihw0.0,scsi-id=%" PRId64, kind,
                                  disk->index);
    case VM_BUS_VIRTIO:
        return "virtio-blk-pci";
    }
    return NULL;
}

static void add_disks(struct words *words, const struct vm_config *config,
                      const struct vm_command_input *input)
{
    struct arena *arena = words->arena;
    if (has_bus(config, VM_BUS_SATA)) {
        add_pair(words, "-device", "ich9-ahci,id=ahci0");
    }
    if (has_bus(config, VM_BUS_SCSI)) {
        add_pair(words, "-device", arena_printf(arena, "%s,id=scsihw0", config->scsi_controller));
    }
    for (size_t i = 0; i < config->disks_count; i++) {
        const struct vm_disk *disk = &config->disks[i];
        struct strbuf device CLEANUP(strbuf_done) = {0};
        strbuf_appendf(&device, "%s,id=%s", disk_place(arena, config, disk), disk->key);
        if (disk->volume != NULL) {
            add_pair(words, "-blockdev", blockdev(arena, disk, input->disk_paths[i]));
            strbuf_appendf(&device, ",drive=drive-%s", disk->key);
        }
        if (disk->volume != NULL && !disk->cdrom) {
            bool through =
                disk->cache == VM_CACHE_WRITETHROUGH || disk->cache == VM_CACHE_DIRECTSYNC;
            strbuf_appendf(&device, ",write-cache=%s", through ? "off" : "on");
        }
        if (disk->serial != NULL) {
            strbuf_appendf(&device, ",serial=%s", disk->serial);
        }
        if (disk->boot_index > 0) {
            strbuf_appendf(&device, ",bootindex=%d", disk->boot_index);
        }
        add_pair(words, "-device", arena_strdup(arena, strbuf_text(&device)));
    }
}

static void add_nets(struct words *words, const struct vm_config *config,
                     const struct vm_command_input *input)
{
    struct arena *arena = words->arena;
    for (size_t i = 0; i < config->nets_count; i++) {
        const struct vm_net *net = &config->nets[i];
        struct strbuf device CLEANUP(strbuf_done) = {0};
        add_pair(words, "-netdev",
                 input->net_fds[i] >= 0
                     ? arena_printf(arena, "tap,id=%s,fd=%d", net->key, input->net_fds[i])
                     : arena_printf(arena, "user,id=%s", net->key));
        strbuf_appendf(&device, "%s,netdev=%s,id=dev-%s,mac=%s", net->device, net->key, net->key,
                       net->mac);
        if (net->mtu > 0 && strcmp(net->device, "virtio-net-pci") == 0) {
            strbuf_appendf(&device, ",host_mtu=%" PRId64, net->mtu);
        }
        if (net->boot_index > 0) {
            strbuf_appendf(&device, ",bootindex=%d", net->boot_index);
        }
        add_pair(words, "-device", arena_strdup(arena, strbuf_text(&device)));
    }
}

const char *const *vm_command_format(struct arena *arena, const struct vm_config *config,
                                     const struct vm_command_input *input)
{
    struct words words = {
        .arena = arena,
        .items = arena_array_of(arena, const char *, VM_COMMAND_WORDS_MAX + config->args.count)};
    add_basics(&words, config, input);
    add_channels(&words, config, input);
    add_disks(&words, config, input);
    add_nets(&words, config, input);
    if (config->kernel != NULL) {
        add_pair(&words, "-kernel", input->kernel);
    }
    if (config->initrd != NULL) {
        add_pair(&words, "-initrd", input->initrd);
    }
    if (config->append != NULL) {
        add_pair(&words, "-append", config->append);
    }
    if (input->incoming) {
        add_pair(&words, "-incoming", "defer");
        add(&words, "-S");
    }
    for (size_t i = 0; i < config->args.count; i++) {
        words.items[words.count++] = config->args.words[i]; // there is room for all of them
    }
    words.items[words.count] = NULL;
    return words.items;
}

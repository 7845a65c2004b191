// SPDX-License-Identifier: Apache-2.0
// Disks, nets and the boot order: "shared:vm-101-disk-0.qcow2,cache=none" and the like.
#include "lrm/agents/vm_config_devices.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/storage.h"
#include "lrm/agents/vm_config.h"

enum { VM_DEVICES_MTU_MIN = 576, VM_DEVICES_MTU_MAX = 65520, VM_DEVICES_SERIAL_MAX = 20 };

#define VM_DEVICES_WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct vm_bus_row {
    const char *name;
    enum vm_bus bus;
    int64_t max;
};

static const struct vm_bus_row vm_buses[] = {{"ide", VM_BUS_IDE, 3},
                                             {"sata", VM_BUS_SATA, 5},
                                             {"scsi", VM_BUS_SCSI, 30},
                                             {"virtio", VM_BUS_VIRTIO, 15}};

// One "key=value" of a list.
struct property {
    const char *key;
    const char *value; // NULL: it has none
};

struct properties {
    struct property *items;
    size_t count;
};

static struct properties split_properties(struct arena *arena, const char *text)
{
    struct properties list = {.count = 1};
    for (const char *at = text; *at != '\0'; at++) {
        list.count += *at == ',' ? 1 : 0;
    }
    list.items = arena_array_of(arena, struct property, list.count);
    for (size_t i = 0; i < list.count; i++) {
        size_t length = strcspn(text, ",");
        char *word = arena_memdup(arena, text, length);
        char *equals = strchr(word, '=');
        list.items[i] = (struct property){.key = word};
        if (equals != NULL) {
            *equals = '\0';
            list.items[i].value = equals + 1;
        }
        text += length + (text[length] == ',' ? 1 : 0);
    }
    return list;
}

static int refuse_property(const struct property *property, const char *allowed, struct error *err)
{
    return error_set(err, -EINVAL, "unknown property '%s': allowed are %s", property->key, allowed);
}

static int property_bool(const struct property *property, bool *ret, struct error *err)
{
    const char *value = property->value != NULL ? property->value : "";
    if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0) {
        *ret = strcmp(value, "on") == 0;
        return 0;
    }
    return parse_bool(value, ret) < 0
               ? error_set(err, -EINVAL, "%s: '%s' is not a boolean, 0 or 1", property->key, value)
               : 0;
}

// The number behind the name: 12 of "scsi12" for "scsi"; -1 when it is not of that kind.
static int64_t key_index(const char *key, const char *kind, int64_t max)
{
    size_t length = strlen(kind);
    int64_t index = 0;
    if (strncmp(key, kind, length) != 0 || (key[length] == '0' && key[length + 1] != '\0') ||
        parse_int64(key + length, 0, max, &index) < 0) {
        return -1;
    }
    return index;
}

int vm_config_check_volume(const char *value, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *storage = NULL;
    const char *volume = NULL;
    if (value[0] == '/') {
        return storage_check_path(value, err);
    }
    if (!storage_volume_split(arena, value, &storage, &volume) ||
        strspn(volume, VM_DEVICES_WORD "._/-") != strlen(volume)) {
        return error_set(err, -EINVAL, "'%s' is neither <storage>:<volume> nor an absolute path",
                         value);
    }
    return 0;
}

// --- Disks. ---

static int disk_cache(struct vm_disk *disk, const char *value, struct error *err)
{
    static const char *const names[] = {[VM_CACHE_NONE] = "none",
                                        [VM_CACHE_DIRECTSYNC] = "directsync",
                                        [VM_CACHE_WRITEBACK] = "writeback",
                                        [VM_CACHE_WRITETHROUGH] = "writethrough",
                                        [VM_CACHE_UNSAFE] = "unsafe"};
    for (size_t i = 0; value != NULL && i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], value) == 0) {
            disk->cache = (enum vm_cache)i;
            return 0;
        }
    }
    return error_set(err, -EINVAL,
                     "cache: '%s' is not one of none, directsync, writeback, writethrough, unsafe",
                     value != NULL ? value : "");
}

static int disk_one_of(const struct property *property, const char *first, const char *second,
                       bool *ret_second, struct error *err)
{
    const char *value = property->value != NULL ? property->value : "";
    *ret_second = strcmp(value, second) == 0;
    return *ret_second || strcmp(value, first) == 0
               ? 0
               : error_set(err, -EINVAL, "%s: '%s' is not one of %s, %s", property->key, value,
                           first, second);
}

static int disk_property(struct arena *arena, struct vm_disk *disk, const struct property *property,
                         struct error *err)
{
    const char *key = property->key;
    bool second = false;
    int r = 0;
    if (strcmp(key, "format") == 0) {
        r = disk_one_of(property, "raw", "qcow2", &second, err);
        disk->format = second ? "qcow2" : "raw";
    } else if (strcmp(key, "cache") == 0) {
        r = disk_cache(disk, property->value, err);
    } else if (strcmp(key, "media") == 0) {
        r = disk_one_of(property, "disk", "cdrom", &disk->cdrom, err);
    } else if (strcmp(key, "discard") == 0) {
        r = disk_one_of(property, "ignore", "on", &disk->discard, err);
    } else if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0) {
        r = property_bool(property, &disk->readonly, err);
    } else if (strcmp(key, "serial") == 0) {
        const char *value = property->value != NULL ? property->value : "";
        if (*value == '\0' || strlen(value) > VM_DEVICES_SERIAL_MAX ||
            strspn(value, VM_DEVICES_WORD "._-") != strlen(value)) {
            return error_set(err, -EINVAL, "serial: '%s' is not of letters, digits, '.', '_', '-'",
                             value);
        }
        disk->serial = arena_strdup(arena, value);
    } else if (strcmp(key, "size") != 0 && strcmp(key, "backup") != 0) {
        // size says what the volume has anyway, backup is for those who make backups
        r = refuse_property(property,
                            "format, cache, media, discard, readonly, serial, size, backup", err);
    }
    return r;
}

static bool has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

static int take_disk(struct arena *arena, struct vm_config *config, const char *key,
                     const char *value, const struct vm_bus_row *bus, struct error *err)
{
    struct properties list = split_properties(arena, value);
    struct vm_disk disk = {
        .key = arena_strdup(arena, key), .bus = bus->bus, .index = key_index(key, bus->name, 99)};
    if (disk.index > bus->max) {
        return error_set(err, -EINVAL, "there is only %s0 to %s%lld", bus->name, bus->name,
                         (long long)bus->max);
    }
    const struct property *first = &list.items[0];
    bool named = strcmp(first->key, "file") == 0 && first->value != NULL;
    const char *volume = named ? first->value : first->key;
    if (!named && first->value != NULL) {
        return error_set(err, -EINVAL, "'%s' is neither <storage>:<volume> nor an absolute path",
                         value);
    }
    for (size_t i = 1; i < list.count; i++) {
        int r = disk_property(arena, &disk, &list.items[i], err);
        if (r < 0) {
            return r;
        }
    }
    bool empty = disk.cdrom && strcmp(volume, "none") == 0;
    int r = empty ? 0 : vm_config_check_volume(volume, err);
    if (r < 0) {
        return r;
    }
    disk.volume = empty ? NULL : arena_strdup(arena, volume);
    // Never guessed from what is inside: a guest could write another format's header there.
    if (disk.format == NULL) {
        disk.format = has_suffix(volume, ".qcow2") ? "qcow2" : "raw";
    }
    disk.readonly = disk.readonly || disk.cdrom;
    if (disk.cdrom && bus->bus == VM_BUS_VIRTIO) {
        return error_set(err, -EINVAL, "media: a cdrom is on ide, sata or scsi");
    }
    if (config->disks_count == VM_CONFIG_DISKS_MAX) {
        return error_set(err, -EINVAL, "there are more than %d disks", VM_CONFIG_DISKS_MAX);
    }
    config->disks[config->disks_count++] = disk;
    return 0;
}

// --- Nets. ---

struct model_row {
    const char *name;
    const char *device;
};

static const struct model_row models[] = {{"virtio", "virtio-net-pci"},
                                          {"e1000", "e1000"},
                                          {"e1000e", "e1000e"},
                                          {"rtl8139", "rtl8139"},
                                          {"vmxnet3", "vmxnet3"}};

static const char *model_device(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
        if (strcmp(models[i].name, name) == 0) {
            return models[i].device;
        }
    }
    return NULL;
}

static int net_model(struct vm_net *net, const char *name, struct error *err)
{
    net->device = model_device(name);
    return net->device != NULL
               ? 0
               : error_set(err, -EINVAL,
                           "'%s' is not one of virtio, e1000, e1000e, rtl8139, vmxnet3", name);
}

static int net_mac(struct vm_net *net, const char *value, struct error *err)
{
    static const char form[] = "xx:xx:xx:xx:xx:xx";
    bool fits = value != NULL && strlen(value) == strlen(form);
    for (size_t i = 0; fits && form[i] != '\0'; i++) {
        fits =
            form[i] == ':' ? value[i] == ':' : strchr("0123456789abcdefABCDEF", value[i]) != NULL;
    }
    // The lowest bit of the first byte marks groups.
    if (!fits || strchr("13579bdfBDF", value[1]) != NULL) {
        return error_set(err, -EINVAL, "'%s' is not a hardware address",
                         value != NULL ? value : "");
    }
    memcpy(net->mac, value, sizeof(net->mac));
    return 0;
}

static int net_property(struct arena *arena, struct vm_net *net, const struct property *property,
                        struct error *err)
{
    const char *key = property->key;
    const char *value = property->value != NULL ? property->value : "";
    bool flag = false;
    if (model_device(key) != NULL) {
        int r = net_model(net, key, err);
        return r == 0 && property->value != NULL ? net_mac(net, value, err) : r;
    }
    if (strcmp(key, "model") == 0) {
        return net_model(net, value, err);
    }
    if (strcmp(key, "macaddr") == 0) {
        return net_mac(net, property->value, err);
    }
    if (strcmp(key, "bridge") == 0) {
        if (*value == '\0' || strlen(value) > 15 ||
            strspn(value, VM_DEVICES_WORD "._-") != strlen(value)) {
            return error_set(err, -EINVAL, "bridge: '%s' is not the name of a bridge", value);
        }
        net->bridge = arena_strdup(arena, value);
        return 0;
    }
    if (strcmp(key, "mtu") == 0) {
        return parse_int64(value, VM_DEVICES_MTU_MIN, VM_DEVICES_MTU_MAX, &net->mtu) < 0
                   ? error_set(err, -EINVAL, "mtu: '%s' is not a number from %d to %d", value,
                               VM_DEVICES_MTU_MIN, VM_DEVICES_MTU_MAX)
                   : 0;
    }
    if (strcmp(key, "link_down") == 0) {
        return property_bool(property, &net->link_down, err);
    }
    if (strcmp(key, "firewall") == 0) {
        int r = property_bool(property, &flag, err);
        return r == 0 && flag ? error_set(err, -EINVAL, "firewall: there is none here: only 0") : r;
    }
    return refuse_property(property,
                           "virtio, e1000, e1000e, rtl8139, vmxnet3, model, macaddr, bridge, mtu, "
                           "link_down, firewall",
                           err);
}

static int take_net(struct arena *arena, struct vm_config *config, const char *key,
                    const char *value, struct error *err)
{
    struct properties list = split_properties(arena, value);
    struct vm_net net = {.key = arena_strdup(arena, key), .index = key_index(key, "net", 99)};
    if (net.index >= VM_CONFIG_NETS_MAX) {
        return error_set(err, -EINVAL, "there is only net0 to net%d", VM_CONFIG_NETS_MAX - 1);
    }
    for (size_t i = 0; i < list.count; i++) {
        int r = net_property(arena, &net, &list.items[i], err);
        if (r < 0) {
            return r;
        }
    }
    if (net.device == NULL) {
        return error_set(err, -EINVAL, "'%s' names no model such as virtio", value);
    }
    config->nets[config->nets_count++] = net; // each key comes once
    return 0;
}

int vm_config_take_device(struct arena *arena, struct vm_config *config, const char *key,
                          const char *value, struct error *err)
{
    if (key_index(key, "net", 99) >= 0) {
        return take_net(arena, config, key, value, err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(vm_buses); i++) {
        if (key_index(key, vm_buses[i].name, 99) >= 0) {
            return take_disk(arena, config, key, value, &vm_buses[i], err);
        }
    }
    return error_set(err, -EINVAL, "unknown key '%s'", key);
}

// --- The boot order. ---

static int *boot_index_of(struct vm_config *config, const char *key)
{
    for (size_t i = 0; i < config->disks_count; i++) {
        if (strcmp(config->disks[i].key, key) == 0) {
            return &config->disks[i].boot_index;
        }
    }
    for (size_t i = 0; i < config->nets_count; i++) {
        if (strcmp(config->nets[i].key, key) == 0) {
            return &config->nets[i].boot_index;
        }
    }
    return NULL;
}

int vm_config_take_boot(struct arena *arena, struct vm_config *config, const char *value,
                        struct error *err)
{
    if (strncmp(value, "order=", 6) != 0) {
        return error_set(err, -EINVAL, "'%s' is not of the form order=scsi0;net0", value);
    }
    int next = 1;
    for (const char *at = value + 6; *at != '\0';) {
        size_t length = strcspn(at, ";");
        const char *key = arena_memdup(arena, at, length);
        int *index = boot_index_of(config, key);
        if (index == NULL || *index != 0) {
            return error_set(err, -EINVAL,
                             index == NULL ? "there is no disk or net '%s'" : "'%s' is named twice",
                             key);
        }
        *index = next++;
        at += length + (at[length] == ';' ? 1 : 0);
    }
    return 0;
}

int vm_config_check_buses(const struct vm_config *config, struct error *err)
{
    bool has_ide = strstr(config->machine, "q35") == NULL;
    for (size_t i = 0; i < config->disks_count; i++) {
        if (config->disks[i].bus == VM_BUS_IDE && !has_ide) {
            return error_set(err, -EINVAL, "%s: machine '%s' has no ide: use sata",
                             config->disks[i].key, config->machine);
        }
    }
    return 0;
}

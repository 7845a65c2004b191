// SPDX-License-Identifier: Apache-2.0
// The keys of a machine's definition: what is allowed, and what they come to. Disks, nets and the
// boot order, which are lists of properties, are in vm_config_devices.c.
#include "lrm/agents/vm_config.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/vm_config_devices.h"

enum {
    VM_CONFIG_MEMORY_DEFAULT_MIB = 512,
    VM_CONFIG_MEMORY_MIN_MIB = 16,
    VM_CONFIG_MEMORY_MAX_MIB = 16 * 1024 * 1024,
    VM_CONFIG_CORES_MAX = 512,
    VM_CONFIG_SOCKETS_MAX = 64,
    VM_CONFIG_TEXT_MAX = 4096,
    VM_CONFIG_NAME_MAX = 64,
    VM_CONFIG_DOWNTIME_DEFAULT_MS = 300,
    VM_CONFIG_DOWNTIME_MAX_MS = 60 * 1000,
    VM_CONFIG_SPEED_MAX_MIB = 1024 * 1024,
    VM_CONFIG_MIB = 1024 * 1024,
};

struct vm_taking {
    struct arena *arena;
    const struct guest *guest;
    struct vm_config *config;
};

typedef int (*vm_config_take)(struct vm_taking *taking, const char *value, struct error *err);

struct vm_config_key {
    const char *name;
    vm_config_take take; // NULL: any text
};

static int take_number(const char *value, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
    if (parse_int64(value, min, max, ret) < 0) {
        return error_set(err, -EINVAL, "'%s' is not a number from %lld to %lld", value,
                         (long long)min, (long long)max);
    }
    return 0;
}

static int take_bool(const char *value, bool *ret, struct error *err)
{
    return parse_bool(value, ret) < 0
               ? error_set(err, -EINVAL, "'%s' is not a boolean, 0 or 1", value)
               : 0;
}

static int take_memory(struct vm_taking *taking, const char *value, struct error *err)
{
    return take_number(value, VM_CONFIG_MEMORY_MIN_MIB, VM_CONFIG_MEMORY_MAX_MIB,
                       &taking->config->memory_mib, err);
}

static int take_cores(struct vm_taking *taking, const char *value, struct error *err)
{
    return take_number(value, 1, VM_CONFIG_CORES_MAX, &taking->config->cores, err);
}

static int take_sockets(struct vm_taking *taking, const char *value, struct error *err)
{
    return take_number(value, 1, VM_CONFIG_SOCKETS_MAX, &taking->config->sockets, err);
}

#define VM_CONFIG_WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int take_name(struct vm_taking *taking, const char *value, struct error *err)
{
    if (strlen(value) > VM_CONFIG_NAME_MAX || value[0] == '-' || value[0] == '.' ||
        strspn(value, VM_CONFIG_WORD "-.") != strlen(value)) {
        return error_set(err, -EINVAL, "'%s' is not a host name", value);
    }
    taking->config->name = arena_strdup(taking->arena, value);
    return 0;
}

static int take_cpu(struct vm_taking *taking, const char *value, struct error *err)
{
    if (value[0] == '-' || strspn(value, VM_CONFIG_WORD "-._,+=") != strlen(value)) {
        return error_set(err, -EINVAL, "'%s' is not a processor model of QEMU", value);
    }
    taking->config->cpu = arena_strdup(taking->arena, value);
    return 0;
}

static int take_machine(struct vm_taking *taking, const char *value, struct error *err)
{
    if ((strncmp(value, "pc", 2) != 0 && strncmp(value, "q35", 3) != 0) ||
        strspn(value, VM_CONFIG_WORD "-.") != strlen(value)) {
        return error_set(err, -EINVAL, "'%s' is not one of pc, q35 or a version such as pc-q35-7.2",
                         value);
    }
    taking->config->machine = arena_strdup(taking->arena, value);
    return 0;
}

static int take_choice(const char *value, const char *const *choices, const char **ret,
                       struct error *err)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], value) == 0) {
            *ret = choices[i];
            return 0;
        }
    }
    return error_set(err, -EINVAL, "'%s' is not known", value);
}

static int take_vga(struct vm_taking *taking, const char *value, struct error *err)
{
    static const char *const choices[] = {"std", "none", "cirrus", "virtio", "qxl", "vmware", NULL};
    return take_choice(value, choices, &taking->config->vga, err) < 0
               ? error_set(err, -EINVAL,
                           "'%s' is not one of std, none, cirrus, virtio, qxl, vmware", value)
               : 0;
}

static int take_scsihw(struct vm_taking *taking, const char *value, struct error *err)
{
    static const char *const choices[] = {"virtio-scsi-pci", "lsi", NULL};
    const char *choice = NULL;
    if (take_choice(value, choices, &choice, err) < 0) {
        return error_set(err, -EINVAL, "'%s' is not one of virtio-scsi-pci, lsi", value);
    }
    taking->config->scsi_controller = strcmp(choice, "lsi") == 0 ? "lsi53c895a" : choice;
    return 0;
}

static int take_kvm(struct vm_taking *taking, const char *value, struct error *err)
{
    bool kvm = false;
    int r = take_bool(value, &kvm, err);
    taking->config->kvm = kvm ? VM_KVM_ALWAYS : VM_KVM_NEVER;
    return r;
}

static int take_agent(struct vm_taking *taking, const char *value, struct error *err)
{
    struct parse_words words = parse_list(taking->arena, value);
    bool agent = false;
    bool isa = false;
    for (size_t i = 0; i < words.count; i++) {
        const char *word = words.words[i];
        if (strcmp(word, "type=isa") == 0 || strcmp(word, "type=virtio") == 0) {
            isa = strcmp(word, "type=isa") == 0;
            continue;
        }
        word += strncmp(word, "enabled=", 8) == 0 ? 8 : 0;
        if (take_bool(word, &agent, NULL) < 0) {
            return error_set(err, -EINVAL, "'%s' is not 0 or 1, with ',type=virtio' or ',type=isa'",
                             value);
        }
    }
    taking->config->agent = agent;
    taking->config->agent_isa = isa;
    return 0;
}

static int take_remark(struct vm_taking *taking, const char *value, struct error *err)
{
    (void)taking;
    (void)value;
    (void)err;
    return 0; // kept for those who read it
}

static int take_onboot(struct vm_taking *taking, const char *value, struct error *err)
{
    bool unused = false; // whether it runs is the resource's state, not the definition's
    (void)taking;
    return take_bool(value, &unused, err);
}

static int take_serial(struct vm_taking *taking, const char *value, struct error *err)
{
    if (strcmp(value, "socket") != 0) {
        return error_set(err, -EINVAL, "'%s' is not 'socket'", value);
    }
    taking->config->serial = true;
    return 0;
}

static int take_file(struct vm_taking *taking, const char *value, const char **ret,
                     struct error *err)
{
    int r = vm_config_check_volume(value, err);
    if (r == 0) {
        *ret = arena_strdup(taking->arena, value);
    }
    return r;
}

static int take_kernel(struct vm_taking *taking, const char *value, struct error *err)
{
    return take_file(taking, value, &taking->config->kernel, err);
}

static int take_initrd(struct vm_taking *taking, const char *value, struct error *err)
{
    return take_file(taking, value, &taking->config->initrd, err);
}

static int take_append(struct vm_taking *taking, const char *value, struct error *err)
{
    (void)err;
    taking->config->append = arena_strdup(taking->arena, value);
    return 0;
}

static int take_args(struct vm_taking *taking, const char *value, struct error *err)
{
    (void)err;
    taking->config->args = parse_fields(taking->arena, value);
    return 0;
}

static int take_uuid(struct vm_taking *taking, const char *value, struct error *err)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool fits = strlen(value) == strlen(form);
    for (size_t i = 0; fits && form[i] != '\0'; i++) {
        fits =
            form[i] == '-' ? value[i] == '-' : strchr("0123456789abcdefABCDEF", value[i]) != NULL;
    }
    if (!fits) {
        return error_set(err, -EINVAL, "'%s' is not of the form %s", value, form);
    }
    taking->config->uuid = arena_strdup(taking->arena, value);
    return 0;
}

static int take_downtime(struct vm_taking *taking, const char *value, struct error *err)
{
    double seconds = 0;
    if (parse_double(value, &seconds) < 0 || seconds < 0.001 ||
        seconds * 1000 > VM_CONFIG_DOWNTIME_MAX_MS) {
        return error_set(err, -EINVAL, "'%s' is not a time of 0.001 to %d seconds", value,
                         VM_CONFIG_DOWNTIME_MAX_MS / 1000);
    }
    taking->config->downtime_limit_ms = (int64_t)(seconds * 1000);
    return 0;
}

static int take_speed(struct vm_taking *taking, const char *value, struct error *err)
{
    int64_t mib = 0;
    int r = take_number(value, 0, VM_CONFIG_SPEED_MAX_MIB, &mib, err);
    taking->config->bandwidth_bytes_s = mib * VM_CONFIG_MIB;
    return r;
}

// All but disks and nets.
static const struct vm_config_key vm_config_keys[] = {
    {"agent", take_agent},
    {"append", take_append},
    {"args", take_args},
    {"boot", NULL}, // after the devices it names
    {"cores", take_cores},
    {"cpu", take_cpu},
    {"description", NULL},
    {"hostname", take_name},
    {"initrd", take_initrd},
    {"kernel", take_kernel},
    {"kvm", take_kvm},
    {"machine", take_machine},
    {"memory", take_memory},
    {"migrate_downtime", take_downtime},
    {"migrate_speed", take_speed},
    {"name", take_name},
    {"onboot", take_onboot},
    {"ostype", take_remark},
    {"protection", take_onboot}, // for who destroys it
    {"scsihw", take_scsihw},
    {"serial0", take_serial},
    {"sockets", take_sockets},
    {"startup", take_remark},
    {"tags", take_remark},
    {"uuid", take_uuid},
    {"vga", take_vga},
};

static const char *const vm_config_device_keys[] = {"scsi0", "virtio0", "ide0", "sata0", "net0"};

const char *vm_config_key(size_t index)
{
    if (index < ARRAY_SIZE(vm_config_keys)) {
        return vm_config_keys[index].name;
    }
    index -= ARRAY_SIZE(vm_config_keys);
    return index < ARRAY_SIZE(vm_config_device_keys) ? vm_config_device_keys[index] : NULL;
}

// No value may break out of a line of a log or of a listing.
static bool is_one_line(const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    return *value != '\0' && strlen(value) <= VM_CONFIG_TEXT_MAX;
}

static int take_key(struct vm_taking *taking, const char *key, const char *value, struct error *err)
{
    if (strcmp(key, "description") == 0) {
        return 0;
    }
    if (!is_one_line(value)) {
        return error_set(err, -EINVAL, "must be one line of at most %d bytes", VM_CONFIG_TEXT_MAX);
    }
    for (size_t i = 0; i < ARRAY_SIZE(vm_config_keys); i++) {
        if (strcmp(vm_config_keys[i].name, key) == 0) {
            return vm_config_keys[i].take != NULL ? vm_config_keys[i].take(taking, value, err) : 0;
        }
    }
    return vm_config_take_device(taking->arena, taking->config, key, value, err);
}

// What was not said. The identity is made from what the machine is called, so that it is the same
// after each start and move; ha-guest writes a random one, which differs between clusters too.
static void fill_in(struct vm_taking *taking)
{
    struct vm_config *config = taking->config;
    struct arena *arena = taking->arena;
    const char *sid = taking->guest->sid;
    if (config->name == NULL) {
        config->name = arena_printf(arena, "vm%s", sid_name(sid));
    }
    if (config->uuid == NULL) {
        const char *hex = digest_sha256_hex(arena, sid, strlen(sid));
        config->uuid = arena_printf(arena, "%.8s-%.4s-4%.3s-8%.3s-%.12s", hex, hex + 8, hex + 12,
                                    hex + 15, hex + 18);
    }
    for (size_t i = 0; i < config->nets_count; i++) {
        struct vm_net *net = &config->nets[i];
        if (net->mac[0] == '\0') {
            const char *text = arena_printf(arena, "%s %s", config->uuid, net->key);
            const char *hex = digest_sha256_hex(arena, text, strlen(text));
            const char *mac = arena_printf(arena, "02:%.2s:%.2s:%.2s:%.2s:%.2s", hex, hex + 2,
                                           hex + 4, hex + 6, hex + 8);
            memcpy(net->mac, mac, sizeof(net->mac));
        }
    }
}

int vm_config_parse(struct arena *arena, const struct guest *guest, struct vm_config **ret,
                    struct error *err)
{
    struct vm_config *config = arena_new_of(arena, struct vm_config);
    *config = (struct vm_config){.memory_mib = VM_CONFIG_MEMORY_DEFAULT_MIB,
                                 .cores = 1,
                                 .sockets = 1,
                                 .machine = "pc",
                                 .vga = "std",
                                 .scsi_controller = "virtio-scsi-pci",
                                 .downtime_limit_ms = VM_CONFIG_DOWNTIME_DEFAULT_MS};
    struct vm_taking taking = {.arena = arena, .guest = guest, .config = config};
    map_each (e, &guest->config) {
        if (take_key(&taking, e->key, e->value, err) < 0) {
            return error_prefix(err, "%s: %s", guest->sid, e->key);
        }
    }
    const char *boot = map_find(&guest->config, "boot");
    if (boot != NULL && vm_config_take_boot(arena, config, boot, err) < 0) {
        return error_prefix(err, "%s: boot", guest->sid);
    }
    if (map_has(&guest->config, "name") && map_has(&guest->config, "hostname")) {
        return error_set(err, -EINVAL, "%s: hostname: means the same as name: give one of them",
                         guest->sid);
    }
    bool needs_kernel =
        config->kernel == NULL && (config->initrd != NULL || config->append != NULL);
    if (needs_kernel) {
        return error_set(err, -EINVAL, "%s: %s: only together with kernel", guest->sid,
                         config->initrd != NULL ? "initrd" : "append");
    }
    int r = vm_config_check_buses(config, err);
    if (r < 0) {
        return error_prefix(err, "%s", guest->sid);
    }
    fill_in(&taking);
    *ret = config;
    return 0;
}

int vm_config_check(const struct guest *guest, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct vm_config *config = NULL;
    return vm_config_parse(arena, guest, &config, err);
}

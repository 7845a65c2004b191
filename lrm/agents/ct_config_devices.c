// SPDX-License-Identifier: Apache-2.0
// Interfaces, mounts, root file system and features: "shared:data,mp=/data,ro=1" and the like.
#include "lrm/agents/ct_config_devices.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/storage.h"
#include "lrm/agents/ct_config.h"

enum {
    CT_DEVICES_INDEX_MAX = 999,
    CT_DEVICES_NAME_MAX = 15, // of an interface, by the kernel
    CT_DEVICES_MTU_MIN = 576,
    CT_DEVICES_MTU_MAX = 65520,
    CT_DEVICES_TAG_MAX = 4094,
    CT_DEVICES_PROPERTIES_MAX = 64,
};

#define CT_DEVICES_WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// One "key=value" of a list; the first may be a value alone.
struct property {
    const char *key; // "" when it has none
    const char *value;
};

struct properties {
    struct property items[CT_DEVICES_PROPERTIES_MAX];
    size_t count;
};

static int split_properties(struct arena *arena, const char *text, struct properties *ret,
                            struct error *err)
{
    ret->count = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        char *word = arena_memdup(arena, text, length);
        char *equals = strchr(word, '=');
        if (ret->count == CT_DEVICES_PROPERTIES_MAX) {
            return error_set(err, -EINVAL, "more than %d properties", CT_DEVICES_PROPERTIES_MAX);
        }
        struct property *property = &ret->items[ret->count++];
        *property = (struct property){.key = "", .value = word};
        if (equals != NULL) {
            *equals = '\0';
            *property = (struct property){.key = word, .value = equals + 1};
        }
        if (text[length] == '\0') {
            return 0;
        }
        text += length + 1;
    }
}

static int refuse_property(const struct property *property, const char *allowed, struct error *err)
{
    return error_set(err, -EINVAL, "unknown property '%s': allowed are %s",
                     property->key[0] != '\0' ? property->key : property->value, allowed);
}

static int property_bool(const struct property *property, bool *ret, struct error *err)
{
    return parse_bool(property->value, ret) < 0
               ? error_set(err, -EINVAL, "%s: '%s' is not a boolean, 0 or 1", property->key,
                           property->value)
               : 0;
}

static int property_number(const struct property *property, int64_t min, int64_t max, int64_t *ret,
                           struct error *err)
{
    return parse_int64(property->value, min, max, ret) < 0
               ? error_set(err, -EINVAL, "%s: '%s' is not a number from %lld to %lld",
                           property->key, property->value, (long long)min, (long long)max)
               : 0;
}

static bool is_one_of(const char *key, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, key) == 0) {
            return true;
        }
    }
    return false;
}

int64_t ct_config_index(const char *key, const char *kind)
{
    size_t length = strlen(kind);
    int64_t index = 0;
    if (strncmp(key, kind, length) != 0 || (key[length] == '0' && key[length + 1] != '\0') ||
        parse_int64(key + length, 0, CT_DEVICES_INDEX_MAX, &index) < 0) {
        return -1;
    }
    return index;
}

int ct_config_check_volume(const char *value, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *storage = NULL;
    const char *volume = NULL;
    if (value[0] == '/') {
        // It stands between blanks, and LXC reads backslashes in it.
        return strpbrk(value, "\\\"'") == NULL
                   ? storage_check_path(value, err)
                   : error_set(err, -EINVAL, "'%s' has a quote or a backslash", value);
    }
    if (!storage_volume_split(arena, value, &storage, &volume) ||
        strspn(volume, CT_DEVICES_WORD "._/-") != strlen(volume)) {
        return error_set(err, -EINVAL, "'%s' is neither <storage>:<volume> nor an absolute path",
                         value);
    }
    return 0;
}

// --- Interfaces. ---

int ct_config_check_hwaddr(const char *value, struct error *err)
{
    static const char form[] = "xx:xx:xx:xx:xx:xx";
    bool fits = strlen(value) == strlen(form);
    for (size_t i = 0; fits && form[i] != '\0'; i++) {
        fits =
            form[i] == ':' ? value[i] == ':' : strchr("0123456789abcdefABCDEF", value[i]) != NULL;
    }
    // The lowest bit of the first byte marks groups.
    if (!fits || strchr("13579bdfBDF", value[1]) != NULL) {
        return error_set(err, -EINVAL, "'%s' is not a hardware address", value);
    }
    return 0;
}

static int check_interface(const char *what, const char *value, struct error *err)
{
    if (*value == '\0' || *value == '.' || strlen(value) > CT_DEVICES_NAME_MAX ||
        strspn(value, CT_DEVICES_WORD "._-") != strlen(value)) {
        return error_set(err, -EINVAL, "'%s' is not the name of %s", value, what);
    }
    return 0;
}

int ct_config_check_bridge(const char *value, struct error *err)
{
    return check_interface("a bridge", value, err);
}

// "10.0.0.5/24", or without the length.
static bool is_address(struct arena *arena, const char *text, bool with_length, int *ret_family)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    size_t length = strcspn(text, "/");
    const char *host = arena_memdup(arena, text, length);
    int family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
    int64_t bits = 0;
    if (inet_pton(family, host, bytes) != 1 || (text[length] == '/') != with_length ||
        (with_length && parse_int64(text + length + 1, 0, family == AF_INET6 ? 128 : 32, &bits))) {
        return false;
    }
    *ret_family = family;
    return true;
}

int ct_config_check_addresses(const char *value, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct parse_words words = parse_list(arena, value);
    int family = 0;
    bool good = words.count > 0;
    for (size_t i = 0; good && i < words.count; i++) {
        good = is_address(arena, words.words[i], true, &family);
    }
    return good ? 0 : error_set(err, -EINVAL, "'%s' is not an address such as 10.0.0.5/24", value);
}

int ct_config_check_gateway(const char *value, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int family = 0;
    return is_address(arena, value, false, &family)
               ? 0
               : error_set(err, -EINVAL, "'%s' is not an address such as 10.0.0.1", value);
}

// ip, ip6, gw, gw6.
static int take_address(struct arena *arena, const struct property *property, struct ct_net *net,
                        struct error *err)
{
    // With these it is for the programs inside to get one.
    static const char *const words4[] = {"dhcp", "manual", NULL};
    static const char *const words6[] = {"dhcp", "manual", "auto", NULL};
    const char *key = property->key;
    bool six = key[2] == '6';
    bool gateway = key[0] == 'g';
    int family = 0;
    if (!gateway && is_one_of(property->value, six ? words6 : words4)) {
        net->dhcp = net->dhcp || (!six && strcmp(property->value, "dhcp") == 0);
        return 0;
    }
    if (!is_address(arena, property->value, !gateway, &family) || (family == AF_INET6) != six) {
        return error_set(err, -EINVAL, "%s: '%s' is not %s", key, property->value,
                         gateway
                             ? six ? "an address such as fd00::1" : "an address such as 10.0.0.1"
                         : six ? "dhcp, auto, manual or an address such as fd00::5/64"
                               : "dhcp, manual or an address such as 10.0.0.5/24");
    }
    if (gateway) {
        *(six ? &net->gateway6 : &net->gateway) = property->value;
    } else {
        net->addresses.words[net->addresses.count++] = property->value;
    }
    return 0;
}

#define CT_DEVICES_NET_ALLOWED                                                                     \
    "name, bridge, hwaddr, ip, gw, ip6, gw6, tag, mtu, link_down, type, firewall"

static int take_net_property(struct arena *arena, const struct property *property,
                             struct ct_net *net, struct error *err)
{
    static const char *const addresses[] = {"ip", "ip6", "gw", "gw6", NULL};
    const char *key = property->key;
    const char *value = property->value;
    bool flag = false;
    int r = 0;
    if (is_one_of(key, addresses)) {
        return take_address(arena, property, net, err);
    }
    if (strcmp(key, "name") == 0) {
        net->name = value;
        r = check_interface("an interface", value, err);
    } else if (strcmp(key, "bridge") == 0) {
        net->bridge = value;
        r = ct_config_check_bridge(value, err);
    } else if (strcmp(key, "hwaddr") == 0) {
        net->hwaddr = value;
        r = ct_config_check_hwaddr(value, err);
    } else if (strcmp(key, "tag") == 0) {
        return property_number(property, 1, CT_DEVICES_TAG_MAX, &net->tag, err);
    } else if (strcmp(key, "mtu") == 0) {
        return property_number(property, CT_DEVICES_MTU_MIN, CT_DEVICES_MTU_MAX, &net->mtu, err);
    } else if (strcmp(key, "link_down") == 0) {
        return property_bool(property, &net->link_down, err);
    } else if (strcmp(key, "type") == 0) {
        return strcmp(value, "veth") == 0
                   ? 0
                   : error_set(err, -EINVAL, "type: '%s' is not 'veth'", value);
    } else if (strcmp(key, "firewall") == 0) {
        r = property_bool(property, &flag, err);
        return r == 0 && flag ? error_set(err, -EINVAL, "firewall: there is none here: only 0") : r;
    } else {
        return refuse_property(property, CT_DEVICES_NET_ALLOWED, err);
    }
    return r < 0 ? error_prefix(err, "%s", key) : 0;
}

int ct_config_take_net(struct arena *arena, const char *value, struct ct_net *net,
                       struct error *err)
{
    struct properties list;
    net->addresses.words = arena_array_of(arena, const char *, CT_DEVICES_PROPERTIES_MAX);
    int r = split_properties(arena, value, &list, err);
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        r = take_net_property(arena, &list.items[i], net, err);
    }
    if (r == 0 && net->bridge == NULL) {
        r = error_set(err, -EINVAL, "bridge is required");
    }
    if (r == 0 && net->name == NULL) {
        net->name = arena_printf(arena, "eth%lld", (long long)net->index);
    }
    return r;
}

// --- Volumes. ---

// Properties of volumes that say nothing here.
static bool is_volume_remark(const char *key)
{
    static const char *const names[] = {"size", "backup", "shared", NULL};
    return is_one_of(key, names);
}

// Reads the volume and the properties that all volumes have; others go to `path`.
static int take_volume(struct arena *arena, const char *value, const char **ret_volume,
                       const char **ret_path, bool *ret_readonly, struct error *err)
{
    struct properties list;
    int r = split_properties(arena, value, &list, err);
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        const struct property *property = &list.items[i];
        if ((i == 0 && property->key[0] == '\0') || strcmp(property->key, "volume") == 0) {
            *ret_volume = property->value;
            r = ct_config_check_volume(property->value, err);
        } else if (ret_path != NULL && strcmp(property->key, "mp") == 0) {
            *ret_path = property->value;
            r = strpbrk(property->value, "\\\"'") == NULL
                    ? storage_check_path(property->value, err)
                    : error_set(err, -EINVAL, "'%s' has a quote or a backslash", property->value);
            r = r < 0 ? error_prefix(err, "mp") : 0;
        } else if (strcmp(property->key, "ro") == 0) {
            r = property_bool(property, ret_readonly, err);
        } else if (!is_volume_remark(property->key)) {
            r = refuse_property(property,
                                ret_path != NULL ? "mp, ro, size, backup, shared"
                                                 : "ro, size, backup, shared",
                                err);
        }
    }
    return r;
}

int ct_config_take_mount(struct arena *arena, const char *value, struct ct_mount *mount,
                         struct error *err)
{
    int r = take_volume(arena, value, &mount->volume, &mount->path, &mount->readonly, err);
    if (r == 0 && (mount->volume == NULL || mount->path == NULL)) {
        r = error_set(err, -EINVAL, "'%s' is not of the form <volume>,mp=<path>", value);
    }
    return r;
}

int ct_config_take_rootfs(struct arena *arena, const char *value, struct ct_config *config,
                          struct error *err)
{
    int r = take_volume(arena, value, &config->rootfs, NULL, &config->rootfs_readonly, err);
    return r == 0 && config->rootfs == NULL ? error_set(err, -EINVAL, "'%s' names no volume", value)
                                            : r;
}

// --- Features. ---

int ct_config_take_features(struct arena *arena, const char *value, struct ct_config *config,
                            struct error *err)
{
    struct properties list;
    bool keyctl = false; // always possible here
    int r = split_properties(arena, value, &list, err);
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        const struct property *property = &list.items[i];
        bool *flag = strcmp(property->key, "nesting") == 0  ? &config->nesting
                     : strcmp(property->key, "fuse") == 0   ? &config->fuse
                     : strcmp(property->key, "keyctl") == 0 ? &keyctl
                                                            : NULL;
        r = flag != NULL ? property_bool(property, flag, err)
                         : refuse_property(property, "nesting, fuse, keyctl", err);
    }
    return r;
}

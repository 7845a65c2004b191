// SPDX-License-Identifier: Apache-2.0
// Keys of containers in existing configuration files.
#include <errno.h>
#include <string.h>

#include "cli/import_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"

// These are called the same here.
static const char *const same_keys[] = {
    "arch",    "cores",      "cpulimit", "cpuunits",     "description", "hostname",
    "memory",  "nameserver", "onboot",   "ostype",       "protection",  "searchdomain",
    "startup", "swap",       "tags",     "unprivileged", NULL};

// These mean nothing here.
static const char *const void_keys[] = {"cmode",    "console",    "debug",  "entrypoint",
                                        "env",      "hookscript", "parent", "template",
                                        "timezone", "tty",        NULL};

static const char *const net_kept[] = {"name", "bridge", "hwaddr", "ip",        "gw",   "ip6",
                                       "gw6",  "tag",    "mtu",    "link_down", "type", NULL};
static const char *const mount_kept[] = {"volume", "mp", "ro", "size", "backup", "shared", NULL};
static const char *const rootfs_kept[] = {"volume", "ro", "size", "shared", NULL};
static const char *const features_kept[] = {"nesting", "fuse", "keyctl", NULL};

static int container_volume(struct import *import, const struct import_line *line,
                            const char *const *kept, struct error *err)
{
    const char *value = NULL;
    int r = import_volume(import, line, import_keep(import, line, line->value, kept), &value, err);
    if (r == 0) {
        import_put(import, line, line->key, value);
    }
    return r;
}

// A firewall that is off is as good as none.
static void container_net(struct import *import, const struct import_line *line)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    const char *value = line->value;
    const char *off = strstr(value, ",firewall=0");
    if (off != NULL) {
        strbuf_appendf(&out, "%.*s%s", (int)(off - value), value, off + strlen(",firewall=0"));
        value = arena_strdup(import->arena, strbuf_text(&out));
    }
    import_put(import, line, line->key, import_keep(import, line, value, net_kept));
}

int import_container_line(struct import *import, const struct import_line *line, struct error *err)
{
    const char *key = line->key;
    if (import_is_one_of(key, same_keys)) {
        import_put(import, line, key, line->value);
    } else if (strcmp(key, "rootfs") == 0) {
        return container_volume(import, line, rootfs_kept, err);
    } else if (import_is_numbered(key, "mp")) {
        return container_volume(import, line, mount_kept, err);
    } else if (import_is_numbered(key, "net")) {
        container_net(import, line);
    } else if (strcmp(key, "features") == 0) {
        const char *value = import_keep(import, line, line->value, features_kept);
        if (value[0] != '\0') {
            import_put(import, line, key, value);
        }
    } else if (strcmp(key, "lock") == 0) {
        import_note(import, line, "the lock '%s' is not taken over", line->value);
    } else if (import_is_numbered(key, "unused")) {
        import_note(import, line, "the volume '%s', which it does not use, is left out",
                    line->value);
    } else if (strncmp(key, "lxc.", 4) == 0) {
        import_note(import, line,
                    "'%s' is left out: LXC's configuration is made from the keys here",
                    line->value);
    } else if (import_is_one_of(key, void_keys) || import_is_numbered(key, "dev")) {
        import_note(import, line, "'%s' has no effect here and is left out", line->value);
    } else {
        import_note(import, line, "is not known and is left out");
    }
    return 0;
}

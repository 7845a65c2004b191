// SPDX-License-Identifier: Apache-2.0
// Reads the node's settings file. What the settings lead to is decided where they are used.
#include "common/host/config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/network.h"
#include "common/host/paths.h"

enum { CONFIG_SIZE_MAX = 64 * 1024 };

#define WATCHDOG_DEVICE  "/dev/watchdog"
#define PROFILES_ALLOWED "fast, balanced, patient"

struct line {
    const char *file;
    size_t number;
    const char *key;
    const char *value;
};

static int line_refuse(const struct line *line, const char *allowed, struct error *err)
{
    return error_set(err, -EINVAL, "%s: line %zu: key '%s': '%s' is not allowed, only %s",
                     line->file, line->number, line->key, line->value, allowed);
}

static int profile_set(struct config *config, const struct line *line, struct error *err)
{
    enum timing_profile profile;
    // The classic profile is for replay in the simulator: its times are not held to the safety
    // rule.
    if (timing_profile_from_string(line->value, &profile) < 0 ||
        profile == TIMING_PROFILE_CLASSIC) {
        return line_refuse(line, PROFILES_ALLOWED, err);
    }
    config->profile = profile;
    return 0;
}

static int watchdog_set(struct arena *arena, struct config *config, const struct line *line,
                        struct error *err)
{
    bool is_device = strncmp(line->value, WATCHDOG_DEVICE, strlen(WATCHDOG_DEVICE)) == 0;
    if (!is_device && strcmp(line->value, CONFIG_WATCHDOG_SOFT) != 0) {
        return line_refuse(line, "soft, /dev/watchdog, /dev/watchdog0, …", err);
    }
    config->watchdog = arena_strdup(arena, line->value);
    return 0;
}

static int api_address_set(struct arena *arena, struct config *config, const struct line *line,
                           struct error *err)
{
    if (!network_is_address(line->value)) {
        return line_refuse(line, "a numeric address", err);
    }
    config->api_address = arena_strdup(arena, line->value);
    return 0;
}

static int api_port_set(struct config *config, const struct line *line, struct error *err)
{
    int64_t port;
    if (parse_int64(line->value, 1, UINT16_MAX, &port) < 0) {
        return line_refuse(line, "1 … 65535", err);
    }
    config->api_port = (int)port;
    return 0;
}

static int api_file_set(struct arena *arena, const char **path, const struct line *line,
                        struct error *err)
{
    if (line->value[0] != '/') {
        return line_refuse(line, "an absolute path", err);
    }
    *path = arena_strdup(arena, line->value);
    return 0;
}

enum key {
    KEY_API_ADDRESS,
    KEY_API_CERTIFICATE,
    KEY_API_KEY,
    KEY_API_PORT,
    KEY_PROFILE,
    KEY_WATCHDOG,
    KEY_MAX
};
#define KEYS_ALLOWED "api_address, api_certificate, api_key, api_port, profile, watchdog"

static int key_apply(struct arena *arena, struct config *config, enum key key,
                     const struct line *line, struct error *err)
{
    switch (key) {
    case KEY_API_ADDRESS:
        return api_address_set(arena, config, line, err);
    case KEY_API_CERTIFICATE:
        return api_file_set(arena, &config->api_certificate, line, err);
    case KEY_API_KEY:
        return api_file_set(arena, &config->api_key, line, err);
    case KEY_API_PORT:
        return api_port_set(config, line, err);
    case KEY_PROFILE:
        return profile_set(config, line, err);
    case KEY_WATCHDOG:
        return watchdog_set(arena, config, line, err);
    case KEY_MAX:
        break;
    }
    return error_set(err, -EINVAL, "%s: line %zu: unknown key '%s', allowed are " KEYS_ALLOWED,
                     line->file, line->number, line->key);
}

static int line_apply(struct arena *arena, struct config *config, unsigned *seen,
                      const struct line *line, struct error *err)
{
    static const char *const names[KEY_MAX] = {"api_address", "api_certificate", "api_key",
                                               "api_port",    "profile",         "watchdog"};
    enum key key = 0;
    while (key < KEY_MAX && strcmp(line->key, names[key]) != 0) {
        key++;
    }
    int r = key_apply(arena, config, key, line, err);
    if (r < 0) {
        return r;
    }
    if ((*seen >> key & 1) != 0) {
        return error_set(err, -EINVAL, "%s: line %zu: key '%s' is given twice", line->file,
                         line->number, line->key);
    }
    *seen |= 1U << key;
    return 0;
}

void config_init(struct config *ret)
{
    *ret = (struct config){
        .profile = TIMING_PROFILE_BALANCED,
        .api_port = CONFIG_API_PORT,
        .api_certificate = CONFIG_API_CERTIFICATE,
        .api_key = CONFIG_API_KEY,
    };
}

int config_parse(struct arena *arena, const char *name, const char *text, size_t size_bytes,
                 struct config *ret, struct error *err)
{
    if (memchr(text, '\0', size_bytes) != NULL) {
        return error_set(err, -EINVAL, "%s: the file holds a NUL byte", name);
    }
    struct config config;
    config_init(&config);
    unsigned seen = 0;
    size_t number = 0;
    const char *end = text + size_bytes;
    for (const char *at = text; at < end; number++) {
        size_t length = strcspn(at, "\n");
        char *copy = arena_memdup(arena, at, length);
        at += length < (size_t)(end - at) ? length + 1 : length;
        struct parse_words words = parse_fields(arena, copy);
        if (words.count == 0 || words.words[0][0] == '#') {
            continue;
        }
        struct line line = {.file = name, .number = number + 1, .key = words.words[0]};
        if (words.count != 2) {
            return error_set(err, -EINVAL, "%s: line %zu: key '%s' needs exactly one value", name,
                             line.number, line.key);
        }
        line.value = words.words[1];
        int r = line_apply(arena, &config, &seen, &line, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = config;
    return 0;
}

int config_load(struct arena *arena, struct config *ret, struct error *err)
{
    struct config config;
    config_init(&config);
    char *text;
    size_t size;
    const char *path = paths_config_file();
    int r = file_read(arena, path, CONFIG_SIZE_MAX, &text, &size, err);
    if (r == 0) {
        r = config_parse(arena, path, text, size, &config, err);
    } else if (r == -ENOENT) {
        error_clear(err);
        r = 0;
    }
    if (r < 0) {
        return r;
    }
    if (config.watchdog == NULL) {
        config.watchdog =
            access(WATCHDOG_DEVICE, F_OK) == 0 ? WATCHDOG_DEVICE : CONFIG_WATCHDOG_SOFT;
    }
    *ret = config;
    return 0;
}

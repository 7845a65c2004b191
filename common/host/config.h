// SPDX-License-Identifier: Apache-2.0
// The node's own settings, /etc/ha-manager/ha-manager.conf: "key value" lines; an empty line and
// one that starts with
// '#' mean nothing. A missing file means the defaults. Whatever is wrong is refused with file,
// line, key and what is allowed, since a node that runs with other times than its operator thinks
// is not safe.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"
#include "common/model/timing.h"

struct arena;
struct error;

#define CONFIG_WATCHDOG_SOFT   "soft"
#define CONFIG_API_CERTIFICATE "/etc/ha-manager/api.crt"
#define CONFIG_API_KEY         "/etc/ha-manager/api.key"
enum { CONFIG_API_PORT = 8006 };

struct config {
    enum timing_profile profile; // fast, balanced or patient
    const char *watchdog;        // CONFIG_WATCHDOG_SOFT or the path of a device; NULL: not set
    const char *api_address;     // numeric, where ha-apid listens; NULL: everywhere
    int api_port;
    const char *api_certificate; // PEM files of ha-apid
    const char *api_key;
};

void config_init(struct config *ret);
// Reads the text; `name` is the file's name for the words. Strings are in the arena.
int config_parse(struct arena *arena, const char *name, const char *text, size_t size_bytes,
                 struct config *ret, struct error *err) WARN_UNUSED;
// Reads paths_config_file(). A watchdog that is not set becomes the device when there is one, else
// the software watchdog.
int config_load(struct arena *arena, struct config *ret, struct error *err) WARN_UNUSED;

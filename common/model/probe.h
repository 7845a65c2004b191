// SPDX-License-Identifier: Apache-2.0
// How the health of a service is asked from outside: a program that ends with 0, a port that takes
// connections, a page that is answered, an agent inside a machine.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum probe_kind { PROBE_EXEC, PROBE_TCP, PROBE_HTTP, PROBE_AGENT };

struct probe {
    enum probe_kind kind;
    const char **argv; // exec: program and arguments, ends with NULL
    const char *host;  // tcp, http
    int64_t port;
    const char *path; // http: "/status"
};

// "exec:/path/to/program argument …" (no shell), "tcp:host:port", "http://host[:port]/path",
// "agent"; an IPv6 address stands in brackets. -EINVAL with the allowed forms.
int probe_parse(struct arena *arena, const char *text, struct probe *ret,
                struct error *err) WARN_UNUSED;

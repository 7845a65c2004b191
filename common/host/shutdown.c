// SPDX-License-Identifier: Apache-2.0
// Reads systemd's list of jobs over its private socket.
#include "common/host/shutdown.h"

#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

enum { CALL_TIMEOUT_US = 3 * 1000 * 1000 };

// One job is (id, unit, type, state, job path, unit path).
static enum shutdown_kind jobs_read(sd_bus_message *message)
{
    enum shutdown_kind kind = SHUTDOWN_KIND_DAEMON;
    const char *unit;
    const char *type;
    if (sd_bus_message_enter_container(message, 'a', "(usssoo)") < 0) {
        return kind;
    }
    while (sd_bus_message_read(message, "(usssoo)", NULL, &unit, &type, NULL, NULL, NULL) > 0) {
        if (strcmp(type, "start") != 0) {
            continue;
        }
        if (strcmp(unit, "reboot.target") == 0 || strcmp(unit, "kexec.target") == 0 ||
            strcmp(unit, "soft-reboot.target") == 0) {
            return SHUTDOWN_KIND_REBOOT;
        }
        if (strcmp(unit, "shutdown.target") == 0) {
            kind = SHUTDOWN_KIND_POWEROFF; // unless a later job says that it comes back
        }
    }
    return kind;
}

enum shutdown_kind shutdown_find(void)
{
    enum shutdown_kind kind = SHUTDOWN_KIND_DAEMON;
    sd_bus *bus = NULL;
    sd_bus_message *answer = NULL;
    if (sd_booted() <= 0 || sd_bus_new(&bus) < 0) {
        return kind;
    }
    if (sd_bus_set_address(bus, "unix:path=/run/systemd/private") >= 0 && sd_bus_start(bus) >= 0 &&
        sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_US) >= 0 &&
        sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                           "org.freedesktop.systemd1.Manager", "ListJobs", NULL, &answer,
                           NULL) >= 0) {
        kind = jobs_read(answer);
    }
    sd_bus_message_unref(answer);
    sd_bus_close_unref(bus);
    return kind;
}

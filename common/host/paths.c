// SPDX-License-Identifier: Apache-2.0
// The places of sockets and files on the machine, and the variables that move them in tests.
#include "common/host/paths.h"

#include <stdlib.h>

#include "common/base/arena.h"

static const char *directory_or(const char *variable, const char *otherwise)
{
    // A program with raised privileges must not be led elsewhere by its caller's environment.
    const char *value = secure_getenv(variable);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

const char *paths_run_dir(void)
{
    return directory_or("HA_MANAGER_RUN_DIR", "/run/ha-manager");
}

const char *paths_state_dir(void)
{
    return directory_or("HA_MANAGER_STATE_DIR", "/var/lib/ha-manager");
}

const char *paths_config_file(void)
{
    return directory_or("HA_MANAGER_CONFIG", PATH_CONFIG_FILE);
}

const char *paths_log_dir(void)
{
    return directory_or("HA_MANAGER_LOG_DIR", "/var/log/ha-manager");
}

char *paths_clusterd_socket(struct arena *arena)
{
    return arena_printf(arena, "%s/clusterd.sock", paths_run_dir());
}

char *paths_execd_socket(struct arena *arena)
{
    return arena_printf(arena, "%s/execd.sock", paths_run_dir());
}

char *paths_watchdogd_socket(struct arena *arena)
{
    return arena_printf(arena, "%s/watchdogd.sock", paths_run_dir());
}

char *paths_watchdogd_state(struct arena *arena)
{
    return arena_printf(arena, "%s/watchdogd.state", paths_run_dir());
}

char *paths_lrm_services(struct arena *arena)
{
    return arena_printf(arena, "%s/lrm.services", paths_run_dir());
}

char *paths_database(struct arena *arena)
{
    return arena_printf(arena, "%s/store.db", paths_state_dir());
}

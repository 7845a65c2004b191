// SPDX-License-Identifier: Apache-2.0
// Where things are on the machine. HA_MANAGER_RUN_DIR, HA_MANAGER_STATE_DIR, HA_MANAGER_LOG_DIR
// and HA_MANAGER_CONFIG move what they are called after, for tests.
#pragma once

#include "common/base/macros.h"

struct arena;

const char *paths_run_dir(void) WARN_UNUSED;                   // /run/ha-manager: sockets
const char *paths_state_dir(void) WARN_UNUSED;                 // /var/lib/ha-manager: the database
const char *paths_config_file(void) WARN_UNUSED;               // PATH_CONFIG_FILE
const char *paths_log_dir(void) WARN_UNUSED;                   // /var/log/ha-manager: tasks
char *paths_clusterd_socket(struct arena *arena) WARN_UNUSED;  // <run>/clusterd.sock
char *paths_execd_socket(struct arena *arena) WARN_UNUSED;     // <run>/execd.sock
char *paths_watchdogd_socket(struct arena *arena) WARN_UNUSED; // <run>/watchdogd.sock
char *paths_watchdogd_state(struct arena *arena) WARN_UNUSED;  // <run>/watchdogd.state
char *paths_lrm_services(struct arena *arena) WARN_UNUSED;     // <run>/lrm.services
char *paths_database(struct arena *arena) WARN_UNUSED;         // <state>/store.db

#define PATH_COROSYNC_CONF    "/etc/corosync/corosync.conf"
#define PATH_COROSYNC_AUTHKEY "/etc/corosync/authkey"
#define PATH_CONFIG_FILE      "/etc/ha-manager/ha-manager.conf"

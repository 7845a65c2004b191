// SPDX-License-Identifier: Apache-2.0
// Has the machine's service manager run corosync-qdevice exactly while corosync.conf has a quorum
// device. Without systemd that is up to whoever runs the machine.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct event_sink;
struct loop;
struct qdevice_service;

struct qdevice_service *qdevice_service_new(struct loop *loop,
                                            struct event_sink *events) WARN_UNUSED;
void qdevice_service_free(struct qdevice_service *service);
// What the configuration says now. Does something only when that has changed, or at the first time
// when there is a device.
void qdevice_service_set(struct qdevice_service *service, bool wanted);

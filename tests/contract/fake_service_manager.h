// SPDX-License-Identifier: Apache-2.0
// A service manager for tests, on a D-Bus daemon of its own: it speaks the part of the real one's
// interface that the unit agent uses, and runs real processes in real control groups. It knows one
// unit, and misbehaves as a file says.
#pragma once

#include "common/base/macros.h"

struct error;

#define FAKE_UNIT       "one.service"
#define FAKE_UNIT_GROUP "/fake.slice/" FAKE_UNIT

// Starts both below the folder, and makes DBUS_SYSTEM_BUS_ADDRESS name the bus. -ENOENT: there is
// no D-Bus daemon here. They end with the caller.
int fake_service_manager_start(const char *folder, struct error *err) WARN_UNUSED;
// Words: enabled, masked, fail (its process ends at once), stubborn (it ignores the wish to end),
// leave (a process of it stays when it ends), silent (the ends of jobs are not told), dead (its
// start fails).
void fake_service_manager_behave(const char *folder, const char *words);

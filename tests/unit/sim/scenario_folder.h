// SPDX-License-Identifier: Apache-2.0
// Scenario folders for tests, in the test's working folder, and runs of them.
#pragma once

#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/timing.h"

struct scenario_folder {
    char path[64];
    struct strbuf
        events; // of the last run: "20 node1/crm daemon-state from=startup to=wait_for_quorum\n…"
    struct error err; // of the last run
};

// cmocka's setup: a folder with nothing in it; *state is the struct.
int folder_setup(void **state);
int folder_teardown(void **state);
// The file names that a test may write; a NULL text removes the file.
void folder_write(struct scenario_folder *folder, const char *name, const char *text);
// Reads a file back; the caller frees it. NULL: there is none.
char *folder_read(const struct scenario_folder *folder, const char *name);
// Runs it and returns what simulation_run() returns.
int folder_run(struct scenario_folder *folder, enum timing_profile profile);
bool folder_saw(const struct scenario_folder *folder, const char *text);

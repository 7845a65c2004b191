// SPDX-License-Identifier: Apache-2.0
// Prints docs/transitions.md: all moves that the state machines may make, from the tables that the
// code itself enforces. A golden test compares the two.
#include <stdio.h>

#include "common/model/crm_state.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"
#include "crm/core/transitions.h"
#include "lrm/core/lrm.h"

struct machine {
    const char *title;
    const char *about;
    const struct transition_table *table;
    const struct transition_row *rows;
    size_t count;
};

static void machine_print(const struct machine *machine)
{
    (void)printf("\n## %s\n\n%s\n\n| from | to | when |\n|---|---|---|\n", machine->title,
                 machine->about);
    for (size_t i = 0; i < machine->count; i++) {
        const struct transition_row *row = &machine->rows[i];
        (void)printf("| `%s` | `%s` | %s |\n", enum_table_name(machine->table->states, row->from),
                     enum_table_name(machine->table->states, row->to), row->when);
    }
}

int main(void)
{
    const struct machine machines[] = {
        {"Services",
         "Kept by the master in `service/<sid>`. `fence` leads to another node only through `recovery`.",
         &transitions_service, transitions_service_rows, transitions_service_rows_count},
        {"Nodes", "Kept by the master in `manager/status`.", &transitions_node,
         transitions_node_rows, transitions_node_rows_count},
        {"ha-crm", "The daemon's own state, on each node.", &transitions_crm, transitions_crm_rows,
         transitions_crm_rows_count},
        {"ha-lrm", "The daemon's own state, on each node.", &lrm_state_transitions, lrm_state_rows,
         lrm_state_rows_count},
    };
    (void)printf(
        "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
        "# Transitions\n\n"
        "Every move that a state may make; any other ends the program, since it would be an error in it. Made from\n"
        "the tables in the code, and compared with them by the golden test `transitions`. After a wanted change:\n\n"
        "    build/tests/golden/transitions_table >docs/transitions.md\n\n"
        "That each of them happens in one of the project's own scenarios is tested too (`scenario_coverage`).\n");
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        machine_print(&machines[i]);
    }
    return 0;
}

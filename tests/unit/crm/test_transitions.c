// SPDX-License-Identifier: Apache-2.0
// The tables of allowed moves: what is listed is allowed, all else aborts, nothing is listed twice,
// and no state is a dead end.
#include <stdbool.h>
#include <string.h>

#include "common/model/crm_state.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"
#include "crm/core/transitions.h"
#include "tests/lib/fixture.h"

struct machine {
    const char *name;
    const struct transition_table *table;
    const struct transition_row *rows;
    size_t count;
};

static void machines_get(struct machine *machines)
{
    machines[0] = (struct machine){"service", &transitions_service, transitions_service_rows,
                                   transitions_service_rows_count};
    machines[1] = (struct machine){"node", &transitions_node, transitions_node_rows,
                                   transitions_node_rows_count};
    machines[2] =
        (struct machine){"crm", &transitions_crm, transitions_crm_rows, transitions_crm_rows_count};
}

enum { MACHINES = 3 };

struct move {
    const struct transition_table *table;
    int from;
    int to;
};

static void move_make(void *data)
{
    const struct move *move = data;
    int state = move->from;
    transition_move(move->table, &state, move->to);
}

static bool machine_lists(const struct machine *machine, int from, int to)
{
    for (size_t i = 0; i < machine->count; i++) {
        if (machine->rows[i].from == from && machine->rows[i].to == to) {
            return true;
        }
    }
    return false;
}

static void table_each_pair_moves_or_aborts(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    machines_get(machines);
    for (size_t m = 0; m < MACHINES; m++) {
        int count = (int)machines[m].table->states->count;
        for (int pair = 0; pair < count * count; pair++) {
            struct move move = {machines[m].table, pair / count, pair % count};
            bool listed = machine_lists(&machines[m], move.from, move.to);
            if (listed) {
                int after = move.from;
                transition_move(move.table, &after, move.to);
                assert_int_equal(after, move.to);
            } else if (!fixture_aborts(move_make, &move)) {
                fail_msg("%s: %s → %s does not abort", machines[m].name,
                         enum_table_name(move.table->states, move.from),
                         enum_table_name(move.table->states, move.to));
            }
        }
    }
}

static void rows_are_unique_and_say_when(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    machines_get(machines);
    for (size_t m = 0; m < MACHINES; m++) {
        const struct machine *machine = &machines[m];
        for (size_t i = 0; i < machine->count; i++) {
            assert_true(strlen(machine->rows[i].when) > 0);
            assert_true(machine->rows[i].from != machine->rows[i].to);
            for (size_t k = 0; k < i; k++) {
                assert_false(machine->rows[i].from == machine->rows[k].from &&
                             machine->rows[i].to == machine->rows[k].to);
            }
        }
    }
}

// INV-15: every state has a way out and a way in.
static void states_have_ways_in_and_out(void **state)
{
    (void)state;
    struct machine machines[MACHINES];
    machines_get(machines);
    for (size_t m = 0; m < MACHINES; m++) {
        int count = (int)machines[m].table->states->count;
        for (int s = 0; s < count; s++) {
            bool out = false;
            bool in = false;
            for (size_t i = 0; i < machines[m].count; i++) {
                out = out || machines[m].rows[i].from == s;
                in = in || machines[m].rows[i].to == s;
            }
            bool first =
                (m == 0 && s == SVC_STATE_REQUEST_START) || (m == 2 && s == CRM_STATE_STARTUP);
            if (!out || (!in && !first)) {
                fail_msg("%s: '%s' is a dead end", machines[m].name,
                         enum_table_name(machines[m].table->states, s));
            }
        }
    }
}

// INV-2: the only way out of fence towards another node is recovery; the others stay on the source
// and go back to fence within the round.
static void fence_leads_to_recovery_only_by_proof(void **state)
{
    (void)state;
    assert_true(transition_is_allowed(&transitions_service, SVC_STATE_FENCE, SVC_STATE_RECOVERY));
    assert_false(transition_is_allowed(&transitions_service, SVC_STATE_FENCE, SVC_STATE_STARTED));
    assert_false(transition_is_allowed(&transitions_service, SVC_STATE_FENCE, SVC_STATE_STOPPED));
    for (int from = 0; from < SVC_STATE_MAX; from++) {
        bool allowed = transition_is_allowed(&transitions_service, from, SVC_STATE_RECOVERY);
        assert_int_equal(allowed, from == SVC_STATE_FENCE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_each_pair_moves_or_aborts),
        cmocka_unit_test(rows_are_unique_and_say_when),
        cmocka_unit_test(states_have_ways_in_and_out),
        cmocka_unit_test(fence_leads_to_recovery_only_by_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

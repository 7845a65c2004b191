// SPDX-License-Identifier: Apache-2.0
// Loads of nodes, compared: scores for a start, imbalance, and the best move against it. Nodes are
// summed up in the order of their names.
#include <assert.h>
#include <math.h>

#include "common/base/arena.h"
#include "crm/core/master_round.h"
#include "crm/core/topsis.h"
#include "crm/core/usage.h"
#include "crm/core/usage_internal.h"

// The online nodes' loads side by side.
struct load_table {
    int *nodes;  // index in the round's table
    double *cpu; // absolute
    double *mem;
    double *cpu_loads; // as fraction of the capacity
    double *mem_loads;
    size_t count;
};

static void load_table_init(const struct master_round *round, struct load_table *table)
{
    size_t count = (size_t)round->nodes_count;
    *table = (struct load_table){.nodes = arena_array_of(round->arena, int, count),
                                 .cpu = arena_array_of(round->arena, double, count),
                                 .mem = arena_array_of(round->arena, double, count),
                                 .cpu_loads = arena_array_of(round->arena, double, count),
                                 .mem_loads = arena_array_of(round->arena, double, count)};
    for (int i = 0; i < round->nodes_count; i++) {
        if (node_set_has(&round->online, i)) {
            table->nodes[table->count++] = i;
        }
    }
}

static void load_table_set(const struct usage *usage, struct load_table *table, size_t row,
                           double cpu, double mem)
{
    const struct usage_node *node = &usage->nodes[table->nodes[row]];
    table->cpu[row] = cpu;
    table->mem[row] = mem;
    table->cpu_loads[row] = cpu / node->maxcpu;
    table->mem_loads[row] = mem / node->maxmem;
}

// What counts for the nodes, with the services that are about to start.
static void load_table_set_counted(const struct usage *usage, struct load_table *table)
{
    for (size_t row = 0; row < table->count; row++) {
        const struct usage_node *node = &usage->nodes[table->nodes[row]];
        load_table_set(usage, table, row, (double)node->cpu / 1e9, (double)node->mem);
    }
}

// What balancing looks at: in dynamic mode only what was measured.
static void load_table_set_present(const struct usage *usage, struct load_table *table)
{
    load_table_set_counted(usage, table);
    for (size_t row = 0; usage->mode == SCHEDULER_MODE_DYNAMIC && row < table->count; row++) {
        const struct usage_node *node = &usage->nodes[table->nodes[row]];
        load_table_set(usage, table, row, node->measured_cpu, node->measured_mem);
    }
}

void usage_score_loads(const struct master_round *round, const struct usage_load *add,
                       double maxcpu, double *scores)
{
    const struct usage *usage = round->usage;
    struct load_table table;
    load_table_init(round, &table);
    load_table_set_counted(usage, &table);
    struct topsis_row *rows = arena_array_of(round->arena, struct topsis_row, table.count);
    double *closeness = arena_array_of(round->arena, double, table.count);
    for (size_t row = 0; row < table.count; row++) {
        double cpu = table.cpu[row];
        double mem = table.mem[row];
        double more = maxcpu > 0.0 ? maxcpu : usage->nodes[table.nodes[row]].maxcpu;
        load_table_set(usage, &table, row, cpu + more, mem + add->mem);
        rows[row] = topsis_row_of(table.cpu_loads, table.mem_loads, table.count);
        load_table_set(usage, &table, row, cpu, mem);
    }
    topsis_rank(rows, table.count, closeness);
    for (size_t row = 0; row < table.count; row++) {
        scores[table.nodes[row]] = -closeness[row];
    }
}

// Standard deviation of the loads by their mean.
static double load_table_imbalance(const struct load_table *table)
{
    if (table->count < 2) {
        return 0.0;
    }
    double total = 0.0;
    for (size_t row = 0; row < table->count; row++) {
        total += (table->cpu_loads[row] + table->mem_loads[row]) / 2.0;
    }
    if (!(total > 0.0)) {
        return 0.0;
    }
    double mean = total / (double)table->count;
    double squares = 0.0;
    for (size_t row = 0; row < table->count; row++) {
        double distance = (table->cpu_loads[row] + table->mem_loads[row]) / 2.0 - mean;
        squares += distance * distance;
    }
    return sqrt(squares / (double)table->count) / mean;
}

double usage_imbalance(const struct master_round *round)
{
    assert(round->usage->mode != SCHEDULER_MODE_BASIC);
    struct load_table table;
    load_table_init(round, &table);
    load_table_set_present(round->usage, &table);
    return load_table_imbalance(&table);
}

int usage_busiest(const struct master_round *round)
{
    struct load_table table;
    load_table_init(round, &table);
    load_table_set_present(round->usage, &table);
    int busiest = NODE_NONE;
    double highest = -1.0;
    for (size_t row = 0; row < table.count; row++) {
        double load = table.cpu_loads[row] + table.mem_loads[row];
        if (load > highest) {
            highest = load;
            busiest = table.nodes[row];
        }
    }
    return busiest;
}

static void load_table_shift(const struct usage *usage, struct load_table *table, int node,
                             double cpu, double mem)
{
    for (size_t row = 0; row < table->count; row++) {
        if (table->nodes[row] == node) {
            double new_cpu = table->cpu[row] + cpu;
            double new_mem = table->mem[row] + mem;
            load_table_set(usage, table, row, new_cpu > 0.0 ? new_cpu : 0.0,
                           new_mem > 0.0 ? new_mem : 0.0);
        }
    }
}

static double load_truncate(double value)
{
    // 15 decimal digits: what lies below is noise of the summation.
    return (double)(int64_t)(value * 1e15) / 1e15;
}

size_t usage_choose_move(const struct master_round *round, const struct usage_move *moves,
                         size_t count, enum rebalance_method method, double *ret_imbalance)
{
    assert(count > 0);
    struct load_table table;
    load_table_init(round, &table);
    struct topsis_row *rows = arena_array_of(round->arena, struct topsis_row, count);
    double *imbalances = arena_array_of(round->arena, double, count);
    for (size_t i = 0; i < count; i++) {
        load_table_set_present(round->usage, &table);
        load_table_shift(round->usage, &table, moves[i].source, -moves[i].cpu, -moves[i].mem);
        load_table_shift(round->usage, &table, moves[i].target, moves[i].cpu, moves[i].mem);
        rows[i] = topsis_row_of(table.cpu_loads, table.mem_loads, table.count);
        imbalances[i] = load_truncate(load_table_imbalance(&table));
    }
    double *closeness = arena_array_of(round->arena, double, count);
    topsis_rank(rows, count, closeness);
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        bool better = method == REBALANCE_METHOD_TOPSIS ? closeness[i] > closeness[best]
                                                        : imbalances[i] < imbalances[best];
        best = better ? i : best;
    }
    *ret_imbalance = imbalances[best];
    return best;
}

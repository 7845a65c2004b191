// SPDX-License-Identifier: Apache-2.0
// What is read of the kernel's texts.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/machine_facts.h"
#include "tests/lib/fixture.h"

static void meminfo_sizes_are_in_bytes(void **state)
{
    struct machine_facts facts = {0};
    machine_facts_parse_meminfo(*state,
                                "MemTotal:       8000 kB\nMemFree:  1000 kB\n"
                                "MemAvailable:   5000 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n",
                                &facts);
    assert_int_equal(facts.mem_total_bytes, 8000 * 1024);
    assert_int_equal(facts.mem_free_bytes, 1000 * 1024);
    assert_int_equal(facts.mem_available_bytes, 5000 * 1024);
    assert_int_equal(facts.swap_total_bytes, 10 * 1024);
    assert_int_equal(facts.swap_free_bytes, 4 * 1024);
    machine_facts_parse_meminfo(*state, "MemTotalX: 1 kB\nMemFree: many\nSwapFree:", &facts);
    assert_int_equal(facts.mem_total_bytes, 0);
    assert_int_equal(facts.mem_free_bytes, 0);
}

#define CPU(number, socket, core)                                                                  \
    "processor\t: " number                                                                         \
    "\nmodel name\t: Fast One\ncpu MHz\t\t: 2400.000\nphysical id\t: " socket                      \
    "\ncore id\t\t: " core "\nflags\t\t: fpu vmx sse\n\n"

static void cpuinfo_counts_sockets_and_cores(void **state)
{
    struct machine_facts facts = {0};
    machine_facts_parse_cpuinfo(
        *state, CPU("0", "0", "0") CPU("1", "0", "0") CPU("2", "0", "1") CPU("3", "1", "0"),
        &facts);
    assert_int_equal(facts.cpus, 4);
    assert_int_equal(facts.cores, 3);
    assert_int_equal(facts.sockets, 2);
    assert_string_equal(facts.cpu_model, "Fast One");
    assert_string_equal(facts.cpu_mhz, "2400.000");
    assert_true(facts.hardware_virtual);
}

static void cpuinfo_of_a_sparse_kernel_is_taken(void **state)
{
    struct machine_facts facts = {0};
    machine_facts_parse_cpuinfo(*state, "processor : 0\nprocessor : 1\nflags", &facts);
    assert_int_equal(facts.cpus, 2);
    assert_int_equal(facts.cores, 2);
    assert_int_equal(facts.sockets, 1);
    assert_string_equal(facts.cpu_model, "");
    assert_false(facts.hardware_virtual);
}

static void memory_is_total_and_available(void **state)
{
    (void)state;
    int64_t total = -1;
    int64_t available = -1;
    static const char text[] = "MemTotal:       2048 kB\nMemFree:  1 kB\nMemAvailable:   1024 kB\n";
    assert_int_equal(machine_memory_parse(text, &total, &available), 0);
    assert_int_equal(total, 2048 * 1024);
    assert_int_equal(available, 1024 * 1024);
}

static void memory_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "MemTotal: 1 kB\n",
                                       "MemAvailable: 1 kB\n",
                                       "MemTotal: x kB\nMemAvailable: 1 kB\n",
                                       "MemTotal: 1 kB\nMemAvailable: 2 kB\n",
                                       "MemTotal:"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t total = -1;
        int64_t available = -1;
        fixture_row(rows[i], machine_memory_parse(rows[i], &total, &available) == -EINVAL);
        fixture_row(rows[i], total == -1 && available == -1);
    }
}

static void ticks_are_parted(void **state)
{
    struct machine_ticks ticks = {.busy = -1};
    (void)state;
    // user nice system idle iowait irq softirq steal guest
    assert_int_equal(machine_ticks_parse("cpu  10 1 20 300 40 2 3 4 9\ncpu0 1\n", &ticks), 0);
    assert_int_equal(ticks.busy, 40);
    assert_int_equal(ticks.wait, 40);
    assert_int_equal(ticks.total, 380);
    ticks.busy = -1;
    assert_int_equal(machine_ticks_parse("", &ticks), -EINVAL);
    assert_int_equal(machine_ticks_parse("cpu 1 2 3 4\ncpu0 1 2 3 4 5 6\n", &ticks), -EINVAL);
    assert_int_equal(machine_ticks_parse("cpus 1 2 3 4 5 6 7 8", &ticks), -EINVAL);
    assert_int_equal(machine_ticks_parse("cpu 1 2 x 4 5 6 7 8", &ticks), -EINVAL);
    assert_int_equal(ticks.busy, -1);
}

static void machine_has_processors_and_memory(void **state)
{
    struct machine_facts facts;
    struct machine_ticks ticks;
    machine_facts_read(*state, &facts);
    assert_true(facts.cpus > 0);
    assert_true(facts.mem_total_bytes >= facts.mem_available_bytes);
    assert_true(facts.disk_total_bytes >= facts.disk_free_bytes);
    assert_string_not_equal(facts.release, "");
    assert_int_equal(machine_ticks_read(&ticks, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(meminfo_sizes_are_in_bytes),
        fixture_test(cpuinfo_counts_sockets_and_cores),
        fixture_test(cpuinfo_of_a_sparse_kernel_is_taken),
        fixture_test(memory_is_total_and_available),
        fixture_test(memory_of_another_form_is_refused),
        fixture_test(ticks_are_parted),
        fixture_test(machine_has_processors_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

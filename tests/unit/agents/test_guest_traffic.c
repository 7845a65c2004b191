// SPDX-License-Identifier: Apache-2.0
// Counters of disks and networks from the kernel's texts.
#include <string.h>

#include "lrm/agents/guest_traffic.h"
#include "tests/lib/fixture.h"

static const char networks[] =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
    "    lo: 900 1 0 0 0 0 0 0 900 1 0 0 0 0 0 0\n"
    "  eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
    "  eth1:3000 1 0 0 0 0 0 0 4 1 0 0 0 0 0 0\n"
    "tap101i0: 7 1 0 0 0 0 0 0 50 1 0 0 0 0 0 0\n"
    "tap101i1: 80 1 0 0 0 0 0 0 600 1 0 0 0 0 0 0\n"
    "tap1010i0: 1000000 1 0 0 0 0 0 0 1000000 1 0 0 0 0 0 0\n"
    "tap101ix: 1000000 1 0 0 0 0 0 0 1000000 1 0 0 0 0 0 0\n"
    "tap101i: 1000000 1 0 0 0 0 0 0 1000000 1 0 0 0 0 0 0\n";

static void networks_but_the_loopback_are_counted(void **state)
{
    (void)state;
    static const char text[] =
        "a\n    lo: 900 1 0 0 0 0 0 0 900 1\n  eth0: 100 1 0 0 0 0 0 0 20 1\n"
        "  eth1:3000 1 0 0 0 0 0 0 4 1";
    struct guest_traffic traffic = {.in_bytes = 1};
    guest_traffic_parse_networks(text, NULL, &traffic);
    assert_int_equal(traffic.in_bytes, 3101); // added
    assert_int_equal(traffic.out_bytes, 24);
}

static void taps_of_a_machine_are_counted_from_its_side(void **state)
{
    (void)state;
    struct guest_traffic traffic = {0};
    guest_traffic_parse_networks(networks, "tap101i", &traffic);
    assert_int_equal(traffic.in_bytes, 650);
    assert_int_equal(traffic.out_bytes, 87);
}

static bool is_mapped(const char *device)
{
    return strcmp(device, "253:0") == 0;
}

static void groups_count_each_byte_once(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        int64_t read_bytes, write_bytes;
    } rows[] = {
        {"v2", "8:0 rbytes=100 wbytes=7 rios=9 wios=9 dbytes=5 dios=1\n259:1 rbytes=1 wbytes=2\n",
         101, 9},
        {"v2, on a mapped device",
         "253:0 rbytes=100 wbytes=7 rios=1\n8:0 rbytes=100 wbytes=7 rios=1\n", 100, 7},
        {"v1",
         "8:0 Read 4096\n8:0 Write 10\n8:0 Sync 9\n8:0 Async 4097\n8:0 Total 4106\nTotal 4106\n",
         4096, 10},
        {"nothing", "", 0, 0},
        {"v1, nothing", "Total 0\n", 0, 0},
        {"too large", "8:0 rbytes=99999999999999999999 wbytes=x\n", 999999999999999999, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct guest_traffic traffic = {0};
        guest_traffic_parse_group(rows[i].text, is_mapped, &traffic);
        fixture_row(rows[i].name, traffic.read_bytes == rows[i].read_bytes &&
                                      traffic.write_bytes == rows[i].write_bytes);
    }
}

static void process_counts_what_reached_the_disk(void **state)
{
    (void)state;
    struct guest_traffic traffic = {0};
    guest_traffic_parse_process("rchar: 1000\nwchar: 2000\nsyscr: 1\nsyscw: 1\nread_bytes: 4096\n"
                                "write_bytes: 8192\ncancelled_write_bytes: 55\n",
                                &traffic);
    assert_int_equal(traffic.read_bytes, 4096);
    assert_int_equal(traffic.write_bytes, 8192);
}

static void what_does_not_run_has_no_traffic(void **state)
{
    (void)state;
    struct guest_traffic traffic = {.read_bytes = 1, .in_bytes = 1};
    assert_int_equal(guest_traffic_of_container("ct:999999", &traffic, NULL), 0);
    assert_int_equal(traffic.read_bytes + traffic.in_bytes, 0);
    assert_int_equal(guest_traffic_of_machine("vm:999999", &traffic, NULL), 0);
    assert_int_equal(traffic.read_bytes + traffic.in_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_but_the_loopback_are_counted),
        cmocka_unit_test(taps_of_a_machine_are_counted_from_its_side),
        cmocka_unit_test(groups_count_each_byte_once),
        cmocka_unit_test(process_counts_what_reached_the_disk),
        cmocka_unit_test(what_does_not_run_has_no_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

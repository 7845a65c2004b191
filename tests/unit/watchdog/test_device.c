// SPDX-License-Identifier: Apache-2.0
// Files that are no watchdogs are refused. What real devices do is for a machine that has one.
#include <errno.h>

#include "common/base/error.h"
#include "tests/lib/test.h"
#include "watchdog/device.h"

static void device_missing_is_refused_with_its_path(void **state)
{
    (void)state;
    struct error err = {0};
    struct device *device CLEANUP(device_freep) =
        device_hardware_new("/dev/watchdog-that-is-not-there", 1000);
    assert_int_equal(device->ops->arm(device, &err), -ENOENT);
    assert_string_equal(err.text, "cannot open watchdog '/dev/watchdog-that-is-not-there': No such "
                                  "file or directory");
    assert_true(device->independent);
}

static void device_of_another_kind_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    struct device *device CLEANUP(device_freep) = device_hardware_new("/dev/null", 1000);
    assert_int_equal(device->ops->arm(device, &err), -ENOTTY);
    assert_memory_equal(err.text, "'/dev/null' is not a watchdog", 29);
    bool counting = true;
    assert_int_equal(device->ops->disarm(device, &counting, &err), 0); // it is closed
    assert_false(counting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_missing_is_refused_with_its_path),
        cmocka_unit_test(device_of_another_kind_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

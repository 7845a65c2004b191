// SPDX-License-Identifier: Apache-2.0
// The node's settings file: what is read, and the words for what is refused.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/config.h"
#include "tests/lib/test.h"

struct row {
    const char *name;
    const char *text;
    enum timing_profile profile;
    const char *watchdog;
    const char *error; // NULL: it is taken
};

static const struct row rows[] = {
    {"nothing at all", "", TIMING_PROFILE_BALANCED, NULL, NULL},
    {"comments and empty lines", "# profile fast\n\n   \n  # more\n", TIMING_PROFILE_BALANCED, NULL,
     NULL},
    {"all keys", "profile fast\nwatchdog soft\n", TIMING_PROFILE_FAST, "soft", NULL},
    {"any blanks, no end of line", "\tprofile   patient \nwatchdog\t/dev/watchdog1",
     TIMING_PROFILE_PATIENT, "/dev/watchdog1", NULL},
    {"unknown key", "profile fast\nprofil patient\n", 0, NULL,
     "ha.conf: line 2: unknown key 'profil', allowed are api_address, api_certificate, api_key, "
     "api_port, profile, watchdog"},
    {"a port that is none", "api_port 65536\n", 0, NULL,
     "ha.conf: line 1: key 'api_port': '65536' is not allowed, only 1 … 65535"},
    {"a name for an address", "api_address localhost\n", 0, NULL,
     "ha.conf: line 1: key 'api_address': 'localhost' is not allowed, only a numeric address"},
    {"a relative path", "api_key api.key\n", 0, NULL,
     "ha.conf: line 1: key 'api_key': 'api.key' is not allowed, only an absolute path"},
    {"unknown profile", "profile quick\n", 0, NULL,
     "ha.conf: line 1: key 'profile': 'quick' is not allowed, only fast, balanced, patient"},
    {"a profile that is for replay only", "profile classic\n", 0, NULL,
     "ha.conf: line 1: key 'profile': 'classic' is not allowed, only fast, balanced, patient"},
    {"a file that is no watchdog", "\nwatchdog /etc/passwd\n", 0, NULL,
     "ha.conf: line 2: key 'watchdog': '/etc/passwd' is not allowed, only soft, /dev/watchdog, "
     "/dev/watchdog0, …"},
    {"no value", "profile\n", 0, NULL, "ha.conf: line 1: key 'profile' needs exactly one value"},
    {"two values", "profile fast safe\n", 0, NULL,
     "ha.conf: line 1: key 'profile' needs exactly one value"},
    {"a key twice", "profile fast\nwatchdog soft\nprofile fast\n", 0, NULL,
     "ha.conf: line 3: key 'profile' is given twice"},
    {"end of line of another system", "profile fast\r\n", 0, NULL,
     "ha.conf: line 1: key 'profile': 'fast\r' is not allowed, only fast, balanced, patient"},
};

static void config_text_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct config config = {.profile = TIMING_PROFILE_MAX};
        struct error err = {0};
        int r = config_parse(arena, "ha.conf", rows[i].text, strlen(rows[i].text), &config, &err);
        if (rows[i].error != NULL) {
            if (r != -EINVAL || strcmp(err.text, rows[i].error) != 0 ||
                config.profile != TIMING_PROFILE_MAX) {
                fail_msg("%s: %d '%s'", rows[i].name, r, err.text);
            }
            continue;
        }
        bool same = (config.watchdog == NULL) == (rows[i].watchdog == NULL) &&
                    (config.watchdog == NULL || strcmp(config.watchdog, rows[i].watchdog) == 0);
        if (r != 0 || config.profile != rows[i].profile || !same) {
            fail_msg("%s: %d '%s'", rows[i].name, r, err.text);
        }
    }
}

static void config_settings_of_the_api_are_read(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    static const char text[] = "api_port 443\napi_address fd00::1\napi_certificate /a.crt\n";
    struct config config;
    config_init(&config);
    assert_int_equal(config.api_port, 8006);
    assert_null(config.api_address);
    assert_int_equal(config_parse(arena, "ha.conf", text, strlen(text), &config, NULL), 0);
    assert_int_equal(config.api_port, 443);
    assert_string_equal(config.api_address, "fd00::1");
    assert_string_equal(config.api_certificate, "/a.crt");
    assert_string_equal(config.api_key, "/etc/ha-manager/api.key");
}

static void config_text_with_a_nul_byte_is_refused(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct config config = {.profile = TIMING_PROFILE_MAX};
    struct error err = {0};
    static const char text[] = "profile fast\n\0profile patient\n";
    assert_int_equal(config_parse(arena, "ha.conf", text, sizeof(text) - 1, &config, &err),
                     -EINVAL);
    assert_string_equal(err.text, "ha.conf: the file holds a NUL byte");
    assert_int_equal(config.profile, TIMING_PROFILE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_text_is_read_or_refused),
        cmocka_unit_test(config_settings_of_the_api_are_read),
        cmocka_unit_test(config_text_with_a_nul_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// Changes to fence devices: what is written with what, and refusals that change nothing. The agents
// are small scripts.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/fence_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/store_keys.h"
#include "tests/lib/fake_session.h"
#include "tests/lib/test.h"

#define DEVICE                                                                                     \
    "device: old\n\tagent fence_test\n\tnodes node1\n\tlevel 2\n\tparam.ip 1\n\tparam.port2 x\n\n"

struct fixture {
    struct arena *arena;
    char *folder;
    struct fake_session fake;
    struct fence_request request;
    struct error err;
};

static void file_write(struct fixture *f, const char *name, const char *text, mode_t mode)
{
    const char *path = arena_printf(f->arena, "%s/%s", f->folder, name);
    assert_int_equal(file_replace(path, text, strlen(text), mode, NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->folder = arena_strdup(f->arena, "/tmp/fence-edit.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(setenv("HA_MANAGER_FENCE_DIR", f->folder, 1), 0);
    file_write(f, "fence_test",
               "#!/bin/sh\ncat <<X\n<parameter name='ip' required='1'/><parameter name='port2'/>"
               "<parameter name='password'/><action name='off'/><action name='status'/>\nX\n",
               0755);
    fake_session_init(&f->fake, 3);
    fence_request_init(f->arena, &f->request);
    fake_store_put(f->fake.store, STORE_KEY_FENCE, DEVICE);
    fake_store_put(f->fake.store, STORE_PREFIX_FENCE_SECRET "old", "password=hunter2\n");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"fence_test", "secrets"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        (void)unlink(arena_printf(f->arena, "%s/%s", f->folder, files[i]));
    }
    (void)rmdir(f->folder);
    fake_session_done(&f->fake);
    arena_free(f->arena);
    free(f);
    return 0;
}

static int put(struct fixture *f, const char *name, bool exists)
{
    return fence_device_put(f->arena, &f->fake.session, name, &f->request, exists, &f->err);
}

static void assert_refused(struct fixture *f, int r, const char *words)
{
    if (r >= 0 || strstr(f->err.text, words) == NULL) {
        fail_msg("%d '%s'", r, f->err.text);
    }
    assert_string_equal(fake_store_get(f->fake.store, STORE_KEY_FENCE), DEVICE);
    assert_string_equal(fake_store_get(f->fake.store, STORE_PREFIX_FENCE_SECRET "old"),
                        "password=hunter2\n");
    assert_int_equal(fake_store_commits(f->fake.store), 0);
    error_clear(&f->err);
}

static void device_and_secrets_are_one_transaction(void **state)
{
    struct fixture *f = *state;
    f->request.agent = "fence_test";
    f->request.nodes = "node2:7,node3";
    f->request.delay_s = 5;
    assert_int_equal(fence_request_param(f->arena, &f->request, "ip=10.0.0.1", &f->err), 0);
    map_put(&f->request.secrets, "password", arena_strdup(f->arena, "swordfish"));
    assert_int_equal(put(f, "new", false), 0);
    assert_int_equal(fake_store_commits(f->fake.store), 1);
    assert_string_equal(
        fake_store_get(f->fake.store, STORE_KEY_FENCE),
        "device: new\n\tagent fence_test\n\tnodes node2:7,node3\n\tdelay 5\n\tparam.ip 10.0.0.1\n\n" DEVICE);
    assert_string_equal(fake_store_get(f->fake.store, STORE_PREFIX_FENCE_SECRET "new"),
                        "password=swordfish\n");
}

static void device_without_secrets_has_no_key_of_them(void **state)
{
    struct fixture *f = *state;
    f->request.agent = "fence_test";
    f->request.nodes = "node2";
    assert_int_equal(fence_request_param(f->arena, &f->request, "ip=1", &f->err), 0);
    assert_int_equal(put(f, "new", false), 0);
    assert_null(fake_store_get(f->fake.store, STORE_PREFIX_FENCE_SECRET "new"));
}

static void change_keeps_what_is_not_named(void **state)
{
    struct fixture *f = *state;
    f->request.timeout_s = 7;
    f->request.removed = "port2,level";
    assert_int_equal(put(f, "old", true), 0);
    assert_string_equal(
        fake_store_get(f->fake.store, STORE_KEY_FENCE),
        "device: old\n\tagent fence_test\n\tnodes node1\n\ttimeout 7\n\tparam.ip 1\n\n");
    assert_string_equal(fake_store_get(f->fake.store, STORE_PREFIX_FENCE_SECRET "old"),
                        "password=hunter2\n");
}

static void secret_that_is_removed_is_gone(void **state)
{
    struct fixture *f = *state;
    f->request.removed = "password";
    assert_int_equal(put(f, "old", true), 0);
    assert_null(fake_store_get(f->fake.store, STORE_PREFIX_FENCE_SECRET "old"));
    assert_string_equal(fake_store_get(f->fake.store, STORE_KEY_FENCE), DEVICE);
}

static void change_of_settings_needs_no_agent_here(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(unlink(arena_printf(f->arena, "%s/fence_test", f->folder)), 0);
    f->request.has_disabled = true;
    f->request.disabled = true;
    assert_int_equal(put(f, "old", true), 0);
    assert_non_null(strstr(fake_store_get(f->fake.store, STORE_KEY_FENCE), "\tdisabled 1\n"));
}

static void refusals_change_nothing(void **state)
{
    struct fixture *f = *state;
    f->request.agent = "fence_test";
    f->request.nodes = "node2";
    assert_refused(f, put(f, "new", false), "missing parameters: 'ip'");
    map_put(&f->request.params, "ip", arena_strdup(f->arena, "1"));
    assert_refused(f, put(f, "old", false), "exists already");
    assert_refused(f, put(f, "none", true), "no fence device 'none', there are: old");
    assert_refused(f, put(f, "1", false), "invalid name '1'");
    f->request.nodes = "node9";
    assert_refused(f, put(f, "new", false), "no node 'node9'");
    f->request.nodes = "node2";
    f->request.agent = "fence_none";
    assert_refused(f, put(f, "new", false), "no fence agent 'fence_none'");
    f->request.agent = "sh";
    assert_refused(f, put(f, "new", false), "'sh' is no name of a fence agent");
    f->request.agent = NULL;
    map_put(&f->request.params, "colour", arena_strdup(f->arena, "red"));
    assert_refused(f, put(f, "old", true), "unknown parameter 'colour'");
    (void)map_remove(&f->request.params, "colour");
    f->request.removed = "other";
    assert_refused(f, put(f, "old", true), "has no parameter or secret 'other'");
    f->request.removed = NULL;
    f->fake.session.quorate = false;
    assert_refused(f, put(f, "old", true), "no quorum");
    f->fake.session.quorate = true;
    fake_store_fail(f->fake.store, 0, 0, -EAGAIN);
    assert_refused(f, put(f, "old", true), "changed by someone else");
}

static void document_that_cannot_be_read_is_not_overwritten(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, STORE_KEY_FENCE, "device: d1\n\tcolour red\n");
    f->request.agent = "fence_test";
    f->request.nodes = "node2";
    map_put(&f->request.params, "ip", arena_strdup(f->arena, "1"));
    assert_int_equal(put(f, "new", false), -EINVAL);
    assert_non_null(
        strstr(f->err.text, "'config/fence': line 2: device 'd1': unknown key 'colour'"));
    assert_string_equal(fake_store_get(f->fake.store, STORE_KEY_FENCE),
                        "device: d1\n\tcolour red\n");
}

static void removed_device_takes_its_secrets_along(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, STORE_PREFIX_LIVE_FENCE "old", "{}");
    assert_int_equal(fence_device_remove(f->arena, &f->fake.session, "old", &f->err), 0);
    assert_string_equal(fake_store_get(f->fake.store, STORE_KEY_FENCE), "");
    assert_null(fake_store_get(f->fake.store, STORE_PREFIX_FENCE_SECRET "old"));
    assert_null(fake_store_get(f->fake.store, STORE_PREFIX_LIVE_FENCE "old"));
}

static void secrets_on_the_command_line_are_refused_and_not_repeated(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fence_request_param(f->arena, &f->request, "password=hunter2", &f->err),
                     -EINVAL);
    assert_null(strstr(f->err.text, "hunter2"));
    assert_non_null(strstr(f->err.text, "--secret password"));
    assert_int_equal(fence_request_param(f->arena, &f->request, "ip", &f->err), -EINVAL);
    assert_int_equal(fence_request_param(f->arena, &f->request, "ip=1", &f->err), 0);
    assert_int_equal(fence_request_param(f->arena, &f->request, "ip=2", &f->err), -EINVAL);
}

static void secret_file_must_be_for_its_owner_only(void **state)
{
    static const struct {
        mode_t mode;
        int result;
    } rows[] = {{0600, 0},      {0400, 0},      {0640, -EPERM},
                {0604, -EPERM}, {0620, -EPERM}, {0601, -EPERM}};
    struct fixture *f = *state;
    const char *path = arena_printf(f->arena, "%s/secrets", f->folder);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fence_request_init(f->arena, &f->request);
        file_write(f, "secrets", "password=swordfish\n", rows[i].mode);
        int r = fence_request_secret_file(f->arena, &f->request, path, &f->err);
        if (r != rows[i].result || map_has(&f->request.secrets, "password") != (r == 0)) {
            fail_msg("mode %o: %d", rows[i].mode, r);
        }
    }
    assert_int_equal(fence_request_secret_file(f->arena, &f->request, f->folder, &f->err), -EPERM);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(fence_request_secret_file(f->arena, &f->request, path, &f->err), -ELOOP);
}

static void interval_rows(void **state)
{
    static const struct {
        const char *text;
        int64_t interval_s; // -1: refused
    } rows[] = {{"1d", 86400}, {"12h", 43200}, {"1m", 60},  {"365d", 365 * 86400},
                {"never", 0},  {"0", 0},       {"59s", -1}, {"366d", -1},
                {"d", -1},     {"1w", -1},     {"", -1},    {"-1d", -1},
                {"3600", 3600}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t interval_s = -1;
        int r = fence_interval_parse(rows[i].text, &interval_s, NULL);
        if ((r == 0) != (rows[i].interval_s >= 0) || interval_s != rows[i].interval_s) {
            fail_msg("'%s': %lld", rows[i].text, (long long)interval_s);
        }
    }
}

static void interval_is_written_beside_the_devices(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fence_self_test_set(f->arena, &f->fake.session, 3600, &f->err), 0);
    assert_string_equal(fake_store_get(f->fake.store, STORE_KEY_FENCE),
                        "options: fencing\n\tself_test_interval_s 3600\n\n" DEVICE);
    assert_int_equal(fence_self_test_set(f->arena, &f->fake.session, 0, &f->err), 0);
    assert_string_equal(fake_store_get(f->fake.store, STORE_KEY_FENCE), DEVICE);
}

#define edit_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        edit_test(device_and_secrets_are_one_transaction),
        edit_test(device_without_secrets_has_no_key_of_them),
        edit_test(change_keeps_what_is_not_named),
        edit_test(secret_that_is_removed_is_gone),
        edit_test(change_of_settings_needs_no_agent_here),
        edit_test(refusals_change_nothing),
        edit_test(document_that_cannot_be_read_is_not_overwritten),
        edit_test(removed_device_takes_its_secrets_along),
        edit_test(secrets_on_the_command_line_are_refused_and_not_repeated),
        edit_test(secret_file_must_be_for_its_owner_only),
        edit_test(interval_rows),
        edit_test(interval_is_written_beside_the_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

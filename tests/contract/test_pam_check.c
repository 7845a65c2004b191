// SPDX-License-Identifier: Apache-2.0
// PAM as the machine has it, with services of the test's own: right, wrong, no answer in time, not
// to be asked.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/auth/pam_check.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "tests/lib/fixture.h"

static char *folder_make(struct arena *arena, const char *service)
{
    char *folder = arena_strdup(arena, "/tmp/pam-check.XXXXXX");
    assert_non_null(mkdtemp(folder));
    if (service != NULL) {
        const char *path = arena_printf(arena, "%s/ha-manager", folder);
        assert_int_equal(file_replace(path, service, strlen(service), 0644, NULL), 0);
    }
    return folder;
}

static void folder_remove(struct arena *arena, const char *folder)
{
    static const char *const names[] = {"ha-manager", "check"};
    for (size_t i = 0; i < 2; i++) {
        (void)unlink(arena_printf(arena, "%s/%s", folder, names[i]));
    }
    assert_int_equal(rmdir(folder), 0);
}

static int ask(struct arena *arena, const char *service, const char *password, int64_t timeout_ms,
               struct error *err)
{
    char *folder = folder_make(arena, service);
    struct pam_question question = {.folder = folder,
                                    .user = "root",
                                    .password = password,
                                    .address = "192.0.2.1",
                                    .timeout_ms = timeout_ms};
    int r = pam_check(&question, err);
    folder_remove(arena, folder);
    return r;
}

#define SERVICE(auth, account) "auth required " auth "\naccount required " account "\n"

static void pam_answers_as_its_modules_do(void **state)
{
    static const struct {
        const char *name, *service;
        int answer;
    } rows[] = {
        {"both let in", SERVICE("pam_permit.so", "pam_permit.so"), PAM_ANSWER_RIGHT},
        {"the password is wrong", SERVICE("pam_deny.so", "pam_permit.so"), PAM_ANSWER_WRONG},
        {"the account may not", SERVICE("pam_permit.so", "pam_deny.so"), PAM_ANSWER_WRONG},
        {"nothing is configured", SERVICE("pam_nothing_of_that_name.so", "pam_permit.so"),
         PAM_ANSWER_WRONG},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = {0};
        int answer = ask(*state, rows[i].service, "some password", PAM_CHECK_TIMEOUT_MS, &err);
        if (answer != rows[i].answer) {
            fail_msg("row '%s': %d %s", rows[i].name, answer, err.text);
        }
    }
}

// A module that runs a program of ours with the password as its input.
static const char *exec_service(struct arena *arena, const char *folder, const char *script)
{
    const char *path = arena_printf(arena, "%s/check", folder);
    assert_int_equal(file_replace(path, script, strlen(script), 0755, NULL), 0);
    assert_int_equal(chmod(path, 0755), 0);
    return arena_printf(arena,
                        "auth required pam_exec.so expose_authtok quiet %s\n"
                        "account required pam_permit.so\n",
                        path);
}

static int ask_script(struct arena *arena, const char *script, const char *password,
                      int64_t timeout_ms, struct error *err)
{
    char *folder = folder_make(arena, NULL);
    const char *service = exec_service(arena, folder, script);
    const char *path = arena_printf(arena, "%s/ha-manager", folder);
    assert_int_equal(file_replace(path, service, strlen(service), 0644, NULL), 0);
    struct pam_question question = {
        .folder = folder, .user = "root", .password = password, .timeout_ms = timeout_ms};
    int r = pam_check(&question, err);
    folder_remove(arena, folder);
    return r;
}

static void pam_gets_the_password_and_the_name_as_they_are(void **state)
{
    static const char script[] = "#!/bin/sh\nread -r p\n"
                                 "[ \"$PAM_USER\" = root ] && [ \"$p\" = 'a b%s\"$x' ]\n";
    assert_int_equal(ask_script(*state, script, "a b%s\"$x", PAM_CHECK_TIMEOUT_MS, NULL),
                     PAM_ANSWER_RIGHT);
    assert_int_not_equal(ask_script(*state, script, "a b%s\"$y", PAM_CHECK_TIMEOUT_MS, NULL),
                         PAM_ANSWER_RIGHT);
}

// The program ends by itself: this module gives it a session of its own.
static void pam_that_hangs_is_given_up(void **state)
{
    struct error err = {0};
    static const char script[] = "#!/bin/sh\nexec sleep 3\n";
    assert_int_equal(ask_script(*state, script, "x", 200, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "in time"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(pam_answers_as_its_modules_do),
        fixture_test(pam_gets_the_password_and_the_name_as_they_are),
        fixture_test(pam_that_hangs_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

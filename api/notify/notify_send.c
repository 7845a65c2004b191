// SPDX-License-Identifier: Apache-2.0
// Gives privileges up, then becomes the program, or posts.
#include "api/notify/notify_send.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/notify/notify_message.h"
#include "api/notify/webhook.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/model/notify_config.h"

#define SENDMAIL      "/usr/sbin/sendmail"
#define SENDMAIL_NAME "HA_MANAGER_SENDMAIL" // another one in tests
#define PATH_VALUE    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { REASON_MAX = 200 };

// Both are there on every machine that has the packages; the second one always.
static const char *const plain_users[] = {"ha-manager", "nobody"};

static int user_become(const char *name, struct error *err)
{
    const struct passwd *entry = name != NULL ? getpwnam(name) : NULL;
    for (size_t i = 0; name == NULL && entry == NULL && i < ARRAY_SIZE(plain_users); i++) {
        entry = getpwnam(plain_users[i]);
    }
    if (entry == NULL) {
        return error_set(err, -ENOENT, "there is no user '%s'", name != NULL ? name : "nobody");
    }
    uid_t user = entry->pw_uid;
    gid_t group = entry->pw_gid;
    if (geteuid() != 0) {
        return 0; // it has none to give up
    }
    if (initgroups(entry->pw_name, group) < 0 || setresgid(group, group, group) < 0 ||
        setresuid(user, user, user) < 0) {
        return error_set_errno(err, -errno, "cannot become user '%s'", entry->pw_name);
    }
    return 0;
}

// The text as standard input, and the output where it is wanted.
static int streams_set(const char *input, int output_fd, struct error *err)
{
    int fd = memfd_create("notification", MFD_CLOEXEC);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot make the input");
    }
    int r = file_write_all(fd, input, strlen(input));
    if (r < 0 || lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, STDIN_FILENO) < 0 ||
        dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0) {
        return error_set_errno(err, r < 0 ? r : -errno, "cannot set the input");
    }
    return 0;
}

// Returns only when it could not.
static int program_become(const char *const *argv, const char *const *environment, const char *user,
                          struct error *err)
{
    int r = user_become(user, err);
    if (r < 0) {
        return r;
    }
    // Who runs must not outlive us; becoming another user took that back.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || chdir("/") < 0) {
        return error_set_errno(err, -errno, "cannot prepare the process");
    }
    (void)execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
    return error_set_errno(err, -errno, "cannot run '%s'", argv[0]);
}

static int mail_send(struct arena *arena, const struct notify_job *job, int output_fd,
                     struct error *err)
{
    static const char *const environment[] = {PATH_VALUE, NULL};
    const char *moved = secure_getenv(SENDMAIL_NAME);
    const char *const argv[] = {moved != NULL ? moved : SENDMAIL, "-t", "-i", NULL};
    int r = streams_set(notify_mail(arena, job->target, job->node, job->entries, job->count),
                        output_fd, err);
    return r < 0 ? r : program_become(argv, environment, NULL, err);
}

static int program_send(struct arena *arena, const struct notify_job *job, int output_fd,
                        struct error *err)
{
    const char *const argv[] = {job->target->program, NULL};
    const char **own = notify_environment(arena, job->entries[0]);
    size_t count = 0;
    while (own[count] != NULL) {
        count++;
    }
    const char **environment = arena_array_of(arena, const char *, count + 3);
    memcpy(environment, own, count * sizeof(*own));
    environment[count] = PATH_VALUE;
    environment[count + 1] = arena_printf(arena, "HA_TARGET=%s", job->target->name);
    int r = streams_set(notify_json(arena, job->node, job->entries[0]), output_fd, err);
    return r < 0 ? r : program_become(argv, environment, job->target->user, err);
}

static int webhook_send(struct arena *arena, const struct notify_job *job, struct error *err)
{
    const struct webhook webhook = {.url = job->target->url,
                                    .cafile = job->target->cafile,
                                    .header = job->target->header,
                                    .secret = job->secret,
                                    .body = notify_json(arena, job->node, job->entries[0])};
    int r = user_become(NULL, err);
    // What it still has of its parent's memory is nobody's whose user it shares now.
    if (r == 0 &&
        (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)) {
        r = error_set_errno(err, -errno, "cannot give up new privileges");
    }
    return r < 0 ? r : webhook_post(arena, &webhook, err);
}

int notify_send_run(void *userdata, int output_fd)
{
    const struct notify_job *job = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    int r = -EINVAL;
    switch (job->target->kind) {
    case NOTIFY_KIND_MAIL:
        r = mail_send(arena, job, output_fd, &err);
        break;
    case NOTIFY_KIND_WEBHOOK:
        r = webhook_send(arena, job, &err);
        break;
    case NOTIFY_KIND_EXEC:
        r = program_send(arena, job, output_fd, &err);
        break;
    case NOTIFY_KIND_MAX:
        break;
    }
    if (r < 0) {
        ignore_result(file_write_all(output_fd, err.text, strlen(err.text))); // nobody else listens
    }
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

char *notify_reason(struct arena *arena, const char *output)
{
    size_t end = output != NULL ? strlen(output) : 0;
    while (end > 0 && strchr(" \t\r\n", output[end - 1]) != NULL) {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && output[begin - 1] != '\n') {
        begin--;
    }
    size_t length = end - begin < REASON_MAX ? end - begin : REASON_MAX;
    char *reason = length > 0 ? arena_memdup(arena, output + begin, length) : NULL;
    for (char *c = reason; c != NULL && *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
    return reason != NULL ? reason : arena_strdup(arena, "it failed and said nothing");
}

struct waiter {
    struct loop *loop;
    struct arena *arena;
    int wait_status;
    char *reason;
};

static void waiter_ended(void *userdata, const struct process_end *end)
{
    struct waiter *waiter = userdata;
    waiter->wait_status = end->wait_status;
    waiter->reason = end->timed_out ? arena_strdup(waiter->arena, "it took too long")
                                    : notify_reason(waiter->arena, end->output);
    loop_quit(waiter->loop, 0);
}

int notify_send_wait(struct clock *clock, const struct notify_job *job, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct notify_job copy = *job;
    struct waiter waiter = {.arena = arena};
    struct process *child = NULL;
    const struct process_spec spec = {.main = notify_send_run,
                                      .main_userdata = &copy,
                                      .name = "ha-notify",
                                      .timeout_ms = NOTIFY_TIMEOUT_MS,
                                      .output_max_bytes = NOTIFY_OUTPUT_MAX,
                                      .ended = waiter_ended,
                                      .userdata = &waiter};
    int r = loop_new(&waiter.loop, err);
    r = r < 0 ? r : process_spawn(waiter.loop, clock, &spec, &child, err);
    r = r < 0 ? r : loop_run(waiter.loop, err);
    process_free(child);
    loop_free(waiter.loop);
    if (r < 0) {
        return r;
    }
    return waiter.wait_status == 0 ? 0 : error_set(err, -EIO, "%s", waiter.reason);
}

// SPDX-License-Identifier: Apache-2.0
// Gives privileges up and becomes a program: the mail program, the operator's, or ha-notify-send,
// which posts. What speaks with the world has nothing of its parent's memory, and only the message
// and its secret on standard input.
#include "api/notify/notify_send.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/notify/notify_message.h"
#include "api/notify/webhook_job.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/model/notify_config.h"
#include "ha_config.h"

#define SENDMAIL      "/usr/sbin/sendmail"
#define SENDMAIL_NAME "HA_MANAGER_SENDMAIL" // another one in tests
#define POSTER        HA_LIBEXECDIR "/ha-notify-send"
#define POSTER_NAME   "HA_MANAGER_NOTIFY_SEND" // likewise
#define PATH_VALUE    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define MEBIBYTE (1024UL * 1024UL)

enum {
    REASON_MAX = 200,
    POSTER_MEMORY_MIB = 128,
    PROGRAM_MEMORY_MIB = 1024,
    POSTER_FILES_MAX = 64
};

// A program and what it gets.
struct delivery {
    const char *const *argv;
    const char *const *environment;
    const char *input;
    const char *user; // NULL: one without privileges
    bool poster;      // ours: nothing but a connection is needed
};

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

// Never more than what it has.
static int limit_lower(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0) {
        return -errno;
    }
    limit.rlim_max = value < limit.rlim_max ? value : limit.rlim_max;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int limits_set(bool poster, struct error *err)
{
    int r = limit_lower(RLIMIT_CORE, 0);
    r = r < 0 ? r : limit_lower(RLIMIT_CPU, NOTIFY_TIMEOUT_MS / 1000);
    if (!poster) {
        r = r < 0 ? r : limit_lower(RLIMIT_DATA, PROGRAM_MEMORY_MIB * MEBIBYTE);
    } else {
        // A sanitizer's shadow of the memory counts as memory.
        r = r < 0 || HA_SANITIZED ? r : limit_lower(RLIMIT_DATA, POSTER_MEMORY_MIB * MEBIBYTE);
        r = r < 0 ? r : limit_lower(RLIMIT_NOFILE, POSTER_FILES_MAX);
        r = r < 0 ? r : limit_lower(RLIMIT_FSIZE, 0);
    }
    return r < 0 ? error_set_errno(err, r, "cannot set the limits") : 0;
}

// Returns only when it could not.
static int program_become(const struct delivery *delivery, int output_fd, struct error *err)
{
    pid_t parent = getppid();
    int r = streams_set(delivery->input, output_fd, err);
    r = r < 0 ? r : user_become(delivery->user, err);
    r = r < 0 ? r : limits_set(delivery->poster, err); // last: what is left needs no memory
    if (r < 0) {
        return r;
    }
    // Who runs must not outlive us; becoming another user took that back. Mail programs may need
    // the group that their file gives them.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || chdir("/") < 0 ||
        (delivery->poster && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)) {
        return error_set_errno(err, -errno, "cannot prepare the process");
    }
    if (getppid() != parent) {
        return error_set(err, -ESRCH, "who sends it has ended");
    }
    (void)execve(delivery->argv[0], (char *const *)(uintptr_t)delivery->argv,
                 (char *const *)(uintptr_t)delivery->environment);
    return error_set_errno(err, -errno, "cannot run '%s'", delivery->argv[0]);
}

// The program that is there, or another one in tests.
static const char *program_path(const char *variable, const char *usual)
{
    const char *moved = secure_getenv(variable);
    return moved != NULL ? moved : usual;
}

static int mail_send(struct arena *arena, const struct notify_job *job, int output_fd,
                     struct error *err)
{
    static const char *const environment[] = {PATH_VALUE, NULL};
    const char *const argv[] = {program_path(SENDMAIL_NAME, SENDMAIL), "-t", "-i", NULL};
    const struct delivery delivery = {
        .argv = argv,
        .environment = environment,
        .input = notify_mail(arena, job->target, job->node, job->entries, job->count)};
    return program_become(&delivery, output_fd, err);
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
    const struct delivery delivery = {.argv = argv,
                                      .environment = environment,
                                      .input = notify_json(arena, job->node, job->entries[0]),
                                      .user = job->target->user};
    return program_become(&delivery, output_fd, err);
}

static int webhook_send(struct arena *arena, const struct notify_job *job, int output_fd,
                        struct error *err)
{
    static const char *const environment[] = {PATH_VALUE, NULL};
    const char *const argv[] = {program_path(POSTER_NAME, POSTER), NULL};
    const struct webhook webhook = {.url = job->target->url,
                                    .cafile = job->target->cafile,
                                    .header = job->target->header,
                                    .secret = job->secret,
                                    .body = notify_json(arena, job->node, job->entries[0])};
    const struct delivery delivery = {.argv = argv,
                                      .environment = environment,
                                      .input = webhook_job_format(arena, &webhook),
                                      .poster = true};
    return program_become(&delivery, output_fd, err);
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
        r = webhook_send(arena, job, output_fd, &err);
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

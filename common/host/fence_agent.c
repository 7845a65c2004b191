// SPDX-License-Identifier: Apache-2.0
// Running fence agents. What their answers mean for the cluster is decided elsewhere; here only:
// asked, answered, in time, and nothing of it left behind.
#include "common/host/fence_agent.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/process.h"
#include "common/model/fence_config.h"
#include "common/model/fence_metadata.h"
#include "common/port/clock.h"

enum {
    WORDS_MAX = 4096,
    // More than anybody prints for people; metadata is longer.
    OUTPUT_MAX = 2 * WORDS_MAX,
    READS_MAX = 64,
    LOOK_MS = 10,
    INPUT_MAX = 48 * 1024, // below what an empty pipe takes
    METADATA_TIMEOUT_MS = 20 * 1000,
    STATUS_PAUSE_MS = 250,
    REAP_TRIES = 200,
    REAP_PAUSE_MS = 5,
    STAT_FILE_MAX = 4096,
    EXIT_NOT_STARTED = 127,
    EXIT_STATUS_OFF = 2,
};

static const char *action_word(enum fence_action action)
{
    switch (action) {
    case FENCE_ACTION_STATUS:
        return "status";
    case FENCE_ACTION_OFF:
        return "off";
    case FENCE_ACTION_ON:
        return "on";
    case FENCE_ACTION_MONITOR:
        return "monitor";
    case FENCE_ACTION_METADATA:
        return "metadata";
    case FENCE_ACTION_MAX:
        break;
    }
    assert(action != FENCE_ACTION_MAX);
    return "";
}

int fence_agent_find(struct arena *arena, const char *agent, char **ret_path, struct error *err)
{
    const char *const folders[] = {getenv("HA_MANAGER_FENCE_DIR"), "/usr/sbin", "/sbin",
                                   "/usr/local/sbin"};
    int r = fence_agent_name_check(agent, err); // no path: nothing else is ever run
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++) {
        char *path = folders[i] != NULL ? arena_printf(arena, "%s/%s", folders[i], agent) : NULL;
        if (path != NULL && access(path, X_OK) == 0) {
            *ret_path = path;
            return 0;
        }
    }
    return r < 0 ? r
                 : error_set(err, -ENOENT,
                             "no fence agent '%s' on this node, in /usr/sbin, /sbin or "
                             "/usr/local/sbin (package fence-agents?)",
                             agent);
}

// --- What the agent is told. ---

static void input_add(struct strbuf *input, const struct map *options)
{
    if (options == NULL) {
        return;
    }
    map_each (e, options) {
        const char *value = e->value;
        strbuf_appendf(input, "%s=%s\n", e->key, value);
    }
}

static void input_make(const struct fence_device *device, const struct map *secrets,
                       const char *node, enum fence_action action, struct strbuf *input)
{
    strbuf_appendf(input, "action=%s\n", action_word(action));
    if (action == FENCE_ACTION_METADATA) {
        return;
    }
    input_add(input, &device->params);
    input_add(input, secrets);
    const char *plug = node != NULL ? map_find(&device->nodes, node) : NULL;
    if (node != NULL) {
        strbuf_appendf(input, "nodename=%s\n", node);
    }
    if (plug != NULL) {
        // The same under its two names: older agents know the second only, newer ones take either.
        strbuf_appendf(input, "plug=%s\nport=%s\n", plug, plug);
    }
}

// --- The process. ---

struct run {
    const char *path;
    int input_fd; // what it reads
    bool keep_errors;
    pid_t pid;
    int pidfd;
    int output_fd;
    size_t output_max;
    struct strbuf output;
    bool cut;
    int wait_status; // -1: it did not end by itself
};

NORETURN static void child_exec(const char *path)
{
    char path_variable[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char language[] = "LANG=C.UTF-8";
    char home[] = "HOME=/root";
    char quiet[] = "PYTHONWARNINGS=ignore"; // about the agents' own code
    char *environment[] = {path_variable, language, home, quiet, NULL};
    char *argv[2] = {alloc_strdup(path), NULL};
    (void)execve(path, argv, environment);
    _exit(EXIT_NOT_STARTED);
}

NORETURN static void child_run(const struct run *run, pid_t parent, int output_fd)
{
    // A session of its own: no terminal on which a program could ask for a password.
    if (!process_child_begin(parent) || setsid() < 0) {
        _exit(EXIT_NOT_STARTED);
    }
    int errors_fd = run->keep_errors ? output_fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
    // Through high numbers, since source and goal may overlap.
    int input_high = fcntl(run->input_fd, F_DUPFD_CLOEXEC, 16);
    int output_high = fcntl(output_fd, F_DUPFD_CLOEXEC, 16);
    int errors_high = fcntl(errors_fd, F_DUPFD_CLOEXEC, 16);
    if (input_high < 0 || output_high < 0 || errors_high < 0 ||
        dup2(input_high, STDIN_FILENO) < 0 || dup2(output_high, STDOUT_FILENO) < 0 ||
        dup2(errors_high, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0 ||
        chdir("/") < 0) {
        _exit(EXIT_NOT_STARTED);
    }
    child_exec(run->path);
}

// The reading end of a pipe with the text in it and nothing after.
static int input_open(const struct strbuf *input, struct error *err)
{
    int fds[2];
    if (input->size_bytes > INPUT_MAX) {
        return error_set(err, -E2BIG, "its parameters are longer than %d bytes", INPUT_MAX);
    }
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        return error_set_errno(err, -errno, "cannot make a pipe");
    }
    int r = file_write_all(fds[1], input->text, input->size_bytes);
    (void)close(fds[1]);
    if (r == 0 && fcntl(fds[0], F_SETFL, 0) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)close(fds[0]);
        return error_set_errno(err, r, "cannot write to a pipe");
    }
    return fds[0];
}

static int run_start(struct run *run, struct error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "cannot make a pipe");
    }
    pid_t parent = getpid();
    run->pid = fork();
    if (run->pid == 0) {
        child_run(run, parent, fds[1]);
    }
    int r = run->pid < 0 ? -errno : 0;
    (void)close(fds[1]);
    run->output_fd = fds[0];
    if (r == 0) {
        run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0); // without it we look now and then
        r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
    }
    return r < 0 ? error_set_errno(err, r, "cannot start '%s'", run->path) : 0;
}

// Reads what is there now; false at the end of the pipe. Bounded, since what the agent left behind
// may write for ever.
static bool output_read(struct run *run)
{
    for (int i = 0; i < READS_MAX; i++) {
        char chunk[4096];
        ssize_t n = read(run->output_fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 && errno == EAGAIN;
        }
        size_t room = run->output_max - run->output.size_bytes;
        size_t take = (size_t)n < room ? (size_t)n : room;
        strbuf_append_bytes(&run->output, chunk, take);
        run->cut = run->cut || take < (size_t)n;
    }
    return true;
}

static bool has_ended(const struct run *run)
{
    siginfo_t info = {0};
    int r = waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return r == 0 && info.si_pid == run->pid;
}

// Reads until the program has ended; false when the time is over first.
static bool run_wait(struct run *run, struct clock *clock, int64_t until_ms)
{
    bool open = true;
    for (;;) { // until the time is over
        int64_t left_ms = until_ms - clock_now_ms(clock);
        int64_t wait_ms = left_ms > 0 ? left_ms : 0;
        if (run->pidfd < 0 && wait_ms > LOOK_MS) {
            wait_ms = LOOK_MS;
        }
        struct pollfd fds[2] = {{.fd = run->pidfd, .events = POLLIN},
                                {.fd = open ? run->output_fd : -1, .events = POLLIN}};
        int r = poll(fds, ARRAY_SIZE(fds), (int)wait_ms);
        if (r > 0 && fds[1].revents != 0) {
            open = output_read(run);
        }
        if (has_ended(run)) {
            (void)output_read(run); // its last words
            return true;
        }
        if (left_ms <= 0) {
            return false;
        }
    }
}

// The parent of a process, as /proc says; 0: unknown.
static pid_t process_parent(struct arena *arena, const char *pid)
{
    char *text;
    size_t size;
    if (file_read(arena, arena_printf(arena, "/proc/%s/stat", pid), STAT_FILE_MAX, &text, &size,
                  NULL) < 0) {
        return 0;
    }
    const char *after = strrchr(text, ')'); // the name before it may hold anything
    struct parse_words words = parse_fields(arena, after != NULL ? after + 1 : "");
    int64_t parent = 0;
    if (words.count < 2 || parse_int64(words.words[1], 0, INT32_MAX, &parent) < 0) {
        return 0;
    }
    return (pid_t)parent;
}

static void children_kill(void)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    DIR *folder = opendir("/proc");
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        int64_t pid = 0;
        if (parse_int64(entry->d_name, 1, INT32_MAX, &pid) == 0 &&
            process_parent(arena, entry->d_name) == getpid()) {
            // A child of ours keeps its number until we reap it, so this hits no other.
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
    (void)closedir(folder);
}

// Ends the program, its session's group and, since this process inherits orphans meanwhile, all
// that it started: each killed one hands its own children over to us. What does not die within a
// second (uninterruptible sleep) is left to whoever is the next parent.
static void run_end(struct run *run)
{
    bool gone = false;
    run->wait_status = -1;
    for (int i = 0; i < REAP_TRIES; i++) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == run->pid) {
            run->wait_status = status;
            gone = true;
        }
        if (pid < 0) {
            return; // none is left
        }
        if (pid > 0) {
            continue;
        }
        if (!gone) {
            (void)kill(-run->pid, SIGKILL);
            (void)kill(run->pid, SIGKILL);
        }
        children_kill();
        host_sleep_ms(REAP_PAUSE_MS);
    }
}

// --- What it said. ---

// The text in one line, without control characters, secrets masked. When the text was cut, a secret
// may have been cut with it: so much of the end is dropped.
static char *words_make(struct arena *arena, const struct run *run, const struct map *secrets)
{
    size_t size = run->output.size_bytes;
    size_t longest = 0;
    if (secrets != NULL) {
        map_each (e, secrets) {
            size_t length = strlen((const char *)e->value);
            longest = length > longest ? length : longest;
        }
    }
    size = run->cut && size > longest ? size - longest : run->cut ? 0 : size;
    const char *text = arena_memdup(arena, strbuf_text(&run->output), size);
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (const char *p = text; *p != '\0' && out.size_bytes < WORDS_MAX;) {
        size_t masked = 0;
        if (secrets != NULL) {
            map_each (e, secrets) {
                size_t length = strlen((const char *)e->value);
                if (length > masked && strncmp(p, (const char *)e->value, length) == 0) {
                    masked = length;
                }
            }
        }
        if (masked > 0) {
            strbuf_append(&out, "***");
            p += masked;
            continue;
        }
        bool blank = (unsigned char)*p <= ' ' || *p == 0x7f;
        bool again = out.size_bytes == 0 || out.text[out.size_bytes - 1] == ' ';
        if (!blank || !again) {
            strbuf_append_char(&out, blank ? ' ' : *p);
        }
        p++;
    }
    while (out.size_bytes > 0 && out.text[out.size_bytes - 1] == ' ') {
        out.text[--out.size_bytes] = '\0';
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static int run_result(const char *agent, enum fence_action action, const struct run *run,
                      const struct fence_answer *answer, struct error *err)
{
    const char *words = action == FENCE_ACTION_METADATA ? "" : answer->words;
    const char *colon = words[0] != '\0' ? ": " : "";
    if (run->wait_status == -1) {
        return error_set(err, -ETIMEDOUT,
                         "agent '%s' did not end its '%s' in time, after %.1f s%s%s", agent,
                         action_word(action), (double)answer->took_ms / 1000, colon, words);
    }
    if (answer->exit_status == 0) {
        return action == FENCE_ACTION_STATUS ? FENCE_POWER_ON : FENCE_POWER_DONE;
    }
    if (answer->exit_status == EXIT_STATUS_OFF && action == FENCE_ACTION_STATUS) {
        return FENCE_POWER_OFF;
    }
    if (answer->exit_status < 0) {
        return error_set(err, -EIO, "agent '%s' was ended by signal %d in its '%s'%s%s", agent,
                         WTERMSIG(run->wait_status), action_word(action), colon, words);
    }
    return error_set(err, -EIO, "agent '%s' failed its '%s' with status %d%s%s", agent,
                     action_word(action), answer->exit_status, colon, words);
}

static int run_whole(struct run *run, int64_t timeout_ms, struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t until_ms = clock_now_ms(&clock) + timeout_ms;
    int inherits = 0;
    if (prctl(PR_GET_CHILD_SUBREAPER, &inherits) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        return error_set_errno(err, -errno, "cannot take care of an agent's children");
    }
    int r = run_start(run, err);
    if (run->pid > 0) {
        bool ended = r == 0 && run_wait(run, &clock, until_ms);
        run_end(run);
        run->wait_status = ended ? run->wait_status : -1;
    }
    (void)prctl(PR_SET_CHILD_SUBREAPER, inherits); // what it was is allowed
    return r;
}

static void run_done(struct run *run)
{
    if (run->pidfd >= 0) {
        (void)close(run->pidfd);
    }
    if (run->output_fd >= 0) {
        (void)close(run->output_fd);
    }
    if (run->input_fd >= 0) {
        (void)close(run->input_fd);
    }
    strbuf_done(&run->output);
}

int fence_agent_run(struct arena *arena, const struct fence_device *device,
                    const struct map *secrets, const char *node, enum fence_action action,
                    int64_t timeout_ms, struct fence_answer *ret, struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t start_ms = clock_now_ms(&clock);
    bool metadata = action == FENCE_ACTION_METADATA;
    struct run run = {.input_fd = -1,
                      .pidfd = -1,
                      .output_fd = -1,
                      .keep_errors = !metadata,
                      .output_max = metadata ? (size_t)FENCE_METADATA_MAX : (size_t)OUTPUT_MAX,
                      .wait_status = -1};
    struct strbuf input CLEANUP(strbuf_done) = {0};
    char *path = NULL;
    int r = fence_agent_find(arena, device->agent, &path, err);
    if (r == 0) {
        run.path = path;
        input_make(device, secrets, node, action, &input);
        run.input_fd = input_open(&input, err);
        r = run.input_fd < 0 ? run.input_fd : run_whole(&run, timeout_ms, err);
    }
    struct fence_answer answer = {
        .words = metadata ? arena_strdup(arena, strbuf_text(&run.output))
                          : words_make(arena, &run, secrets),
        .exit_status =
            run.wait_status != -1 && WIFEXITED(run.wait_status) ? WEXITSTATUS(run.wait_status) : -1,
        .took_ms = clock_now_ms(&clock) - start_ms,
    };
    if (r == 0) {
        r = run_result(device->agent, action, &run, &answer, err);
    }
    run_done(&run);
    if (ret != NULL) {
        *ret = answer;
    }
    return r;
}

int fence_agent_status(struct arena *arena, const struct fence_device *device,
                       const struct map *secrets, const char *node, struct fence_answer *ret,
                       struct error *err)
{
    int64_t timeout_ms = device->timeout_s * 1000;
    int r =
        fence_agent_run(arena, device, secrets, node, FENCE_ACTION_STATUS, timeout_ms, ret, err);
    if (r == FENCE_POWER_OFF) {
        int m = fence_agent_run(arena, device, secrets, NULL, FENCE_ACTION_MONITOR, timeout_ms,
                                NULL, err);
        r = m < 0 ? error_prefix(err, "'off' is not believed") : r;
    }
    return r;
}

// Asks until the status is off or the time is over.
static int off_wait(struct arena *arena, const struct fence_device *device,
                    const struct map *secrets, const char *node, int64_t until_ms,
                    struct fence_answer *ret, struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    for (;;) { // bounded by until_ms
        struct arena *scratch CLEANUP(arena_freep) = arena_new();
        struct error reason = {0};
        int64_t left_ms = until_ms - clock_now_ms(&clock);
        int r = fence_agent_run(scratch, device, secrets, node, FENCE_ACTION_STATUS,
                                left_ms > 1 ? left_ms : 1, ret, &reason);
        ret->words = arena_strdup(arena, ret->words);
        if (r == FENCE_POWER_OFF) {
            return r;
        }
        if ((r < 0 && r != -EIO) || clock_now_ms(&clock) + STATUS_PAUSE_MS >= until_ms) {
            return error_set(err, r < 0 ? r : -ETIMEDOUT,
                             "agent '%s' ended its 'off' well, but the status is not off after "
                             "%lld s%s%s",
                             device->agent, (long long)device->timeout_s,
                             r < 0 || ret->words[0] != '\0' ? ": " : "",
                             r < 0 ? reason.text : ret->words);
        }
        host_sleep_ms(STATUS_PAUSE_MS);
    }
}

int fence_agent_off(struct arena *arena, const struct fence_device *device,
                    const struct map *secrets, const char *node, struct fence_answer *ret,
                    struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t start_ms = clock_now_ms(&clock);
    int64_t timeout_ms = device->timeout_s * 1000;
    struct fence_answer answer;
    int r =
        fence_agent_run(arena, device, secrets, node, FENCE_ACTION_OFF, timeout_ms, &answer, err);
    if (r >= 0) {
        const char *said = answer.words;
        r = off_wait(arena, device, secrets, node, start_ms + timeout_ms, &answer, err);
        const char *between = said[0] != '\0' && answer.words[0] != '\0' ? "; " : "";
        answer.words = arena_printf(arena, "%s%s%s", said, between, answer.words);
    }
    answer.took_ms = clock_now_ms(&clock) - start_ms;
    if (ret != NULL) {
        *ret = answer;
    }
    return r;
}

int fence_agent_metadata(struct arena *arena, const char *agent, struct fence_metadata *ret,
                         struct error *err)
{
    struct fence_answer answer;
    struct fence_device *device = fence_device_new(arena, "metadata");
    device->agent = agent;
    int r = fence_agent_run(arena, device, NULL, NULL, FENCE_ACTION_METADATA, METADATA_TIMEOUT_MS,
                            &answer, err);
    if (r >= 0) {
        r = fence_metadata_parse(arena, answer.words, ret, err);
        r = r < 0 ? error_prefix(err, "agent '%s'", agent) : 0;
    }
    return r;
}

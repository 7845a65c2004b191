// SPDX-License-Identifier: Apache-2.0
// Children of a daemon: a function of ours in a forked process, or a program, with its output
// collected, a time limit, and the certainty that it dies with the daemon (PR_SET_PDEATHSIG). A
// child starts with nothing of its parent's but standard error and the pipe of its output: no
// descriptor, no blocked signal.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct clock;
struct error;
struct loop;
struct process;

struct process_end {
    int wait_status;    // as of waitpid()
    bool timed_out;     // it was killed for that
    bool output_cut;    // there was more output than output_max
    const char *output; // NUL-terminated; what `line` did not take
    size_t output_bytes;
};

typedef int (*process_main)(void *userdata, int output_fd);
typedef void (*process_line)(void *userdata, const char *line, size_t size_bytes);
typedef void (*process_ended)(void *userdata, const struct process_end *end);

struct process_spec {
    // What runs in the child: this function, whose result is the exit status, or when it is NULL
    // the program argv[0].
    process_main main;
    void *main_userdata;
    const char *const *argv;
    const char
        *input; // standard input of the program; NULL: empty. At most a pipe's capacity (PIPE_BUF)
    const char *name;        // process name of the function's child, at most 15 characters; or NULL
    const char *cgroup;      // folder of the group it enters (common/host/cgroup.h), or NULL
    int64_t timeout_ms;      // 0: none
    size_t output_max_bytes; // of what is kept; more is read and dropped
    process_line line;   // NULL, or called with each complete line (without its end) as it comes
    process_ended ended; // called once, from the loop; the process object may be freed in it
    void *userdata;      // of line and ended
};

// The strings of the specification are borrowed until the call returns; a cgroup's path is copied.
int process_spawn(struct loop *loop, struct clock *clock, const struct process_spec *spec,
                  struct process **ret, struct error *err) WARN_UNUSED;
// Kills a child that still runs, with its group, without calling `ended`. NULL is fine.
void process_free(struct process *process);
// Another time limit, counted from now; 0: none.
void process_limit(struct process *process, struct clock *clock, int64_t timeout_ms);
// Kills it with its group; `ended` is called when it is gone.
void process_kill(struct process *process);
// Kills only the child itself, without waiting for anything: what it started is the caller's matter
// from now on, who ends the group elsewhere.
void process_kill_alone(struct process *process);
// In a process just forked, before all else: from now on it dies with its parent, and handles and
// blocks no signal. False: the parent is dead already.
bool process_child_begin(pid_t parent) WARN_UNUSED;
pid_t process_pid(const struct process *process) WARN_UNUSED;

// SPDX-License-Identifier: Apache-2.0
// Forks, limits the processor time, and reads the verdict, or from the way it ended makes one.
#include "sim/swarm/swarm_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "sim/swarm/campaign.h"

static void job_run_twice(const struct campaign *campaign, struct swarm_verdict *verdict)
{
    struct swarm_verdict second;
    swarm_run(campaign, NULL, &second);
    verdict->computed_us += second.computed_us;
    verdict->skipped_us += second.skipped_us;
    if (verdict->digest != second.digest || verdict->outcome != second.outcome) {
        verdict->outcome = SWARM_OUTCOME_NONDETERMINISM;
        (void)snprintf(verdict->words, sizeof(verdict->words),
                       "INV-12: two runs differ: %016" PRIx64 " and %016" PRIx64, verdict->digest,
                       second.digest);
    }
}

NORETURN static void job_child(const struct campaign *campaign, bool twice, int64_t cpu_max_s,
                               const int *verdict_pipe, const int *words_pipe)
{
    struct swarm_verdict verdict;
    const struct rlimit cpu = {(rlim_t)cpu_max_s, (rlim_t)cpu_max_s + 1};
    const struct rlimit core = {0, 0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // without it the child only lives on for a while
    // What does not fit into the pipe is lost: nobody reads before the end.
    if (setrlimit(RLIMIT_CPU, &cpu) < 0 || setrlimit(RLIMIT_CORE, &core) < 0 ||
        fcntl(words_pipe[1], F_SETFL, O_NONBLOCK) < 0 || dup2(words_pipe[1], STDERR_FILENO) < 0) {
        _exit(EXIT_FAILURE);
    }
    swarm_run(campaign, NULL, &verdict);
    if (twice) {
        job_run_twice(campaign, &verdict);
    }
    ssize_t n = write(verdict_pipe[1], &verdict, sizeof(verdict)); // less than a pipe holds
    _exit(n == (ssize_t)sizeof(verdict) ? EXIT_SUCCESS : EXIT_FAILURE);
}

int swarm_job_start(struct swarm_job *job, const struct campaign *campaign, bool twice,
                    int64_t cpu_max_s, struct error *err)
{
    int verdict_pipe[2];
    int words_pipe[2];
    if (pipe2(verdict_pipe, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "pipe");
    }
    if (pipe2(words_pipe, O_CLOEXEC) < 0) {
        int r = -errno;
        (void)close(verdict_pipe[0]);
        (void)close(verdict_pipe[1]);
        return error_set_errno(err, r, "pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        job_child(campaign, twice, cpu_max_s, verdict_pipe, words_pipe);
    }
    int code = pid < 0 ? -errno : 0;
    (void)close(verdict_pipe[1]);
    (void)close(words_pipe[1]);
    if (pid < 0) {
        (void)close(verdict_pipe[0]);
        (void)close(words_pipe[0]);
        return error_set_errno(err, code, "fork");
    }
    job->pid = pid;
    job->verdict_fd = verdict_pipe[0];
    job->words_fd = words_pipe[0];
    return 0;
}

// The first line that the process left on standard error, if any.
static void job_last_words(int fd, char *buffer, size_t size_bytes)
{
    ssize_t n = read(fd, buffer, size_bytes - 1);
    buffer[n > 0 ? n : 0] = '\0';
    buffer[strcspn(buffer, "\n")] = '\0';
}

static void job_finish(struct swarm_job *job, int status, const struct rusage *usage)
{
    char words[512];
    struct swarm_verdict *verdict = &job->verdict;
    job->cpu_ms = (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
                  (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
    ssize_t n = read(job->verdict_fd, verdict, sizeof(*verdict));
    job_last_words(job->words_fd, words, sizeof(words));
    (void)close(job->verdict_fd);
    (void)close(job->words_fd);
    job->pid = 0;
    if (n == (ssize_t)sizeof(*verdict) && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return;
    }
    *verdict = (struct swarm_verdict){.outcome = SWARM_OUTCOME_CRASH};
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
        verdict->outcome = SWARM_OUTCOME_LIVENESS;
        (void)snprintf(verdict->words, sizeof(verdict->words),
                       "it does not end: %" PRId64 " ms of processor time are used up",
                       job->cpu_ms);
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(verdict->words, sizeof(verdict->words), "ended by signal %d: %s",
                       WTERMSIG(status), words);
    } else {
        (void)snprintf(verdict->words, sizeof(verdict->words), "ended with status %d: %s",
                       WEXITSTATUS(status), words);
    }
}

int swarm_job_wait(struct swarm_job *jobs, size_t count)
{
    for (;;) {
        int status = 0;
        struct rusage usage;
        pid_t pid = wait4(-1, &status, 0, &usage);
        if (pid < 0 && errno != EINTR) {
            return -errno;
        }
        for (size_t i = 0; i < count && pid > 0; i++) {
            if (jobs[i].pid == pid) {
                job_finish(&jobs[i], status, &usage);
                return (int)i;
            }
        }
    }
}

int swarm_job_run(const struct campaign *campaign, bool twice, int64_t cpu_max_s,
                  struct swarm_verdict *ret, struct error *err)
{
    struct swarm_job job = {0};
    int r = swarm_job_start(&job, campaign, twice, cpu_max_s, err);
    if (r == 0) {
        r = swarm_job_wait(&job, 1);
    }
    if (r == 0) {
        *ret = job.verdict;
    }
    return r;
}

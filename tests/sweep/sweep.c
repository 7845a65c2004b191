// SPDX-License-Identifier: Apache-2.0
// Replays scenarios with one fault each: the n-th call that a daemon makes to its ports fails, gets
// no answer, or is the last thing the daemon does before it is made anew; for every n. No invariant
// may break, and the scenario must end as it does without the fault. docs/testing.md, "Sweep".
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/crm_state.h"
#include "common/model/event.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "crm/round.h"
#include "lrm/round.h"
#include "sim/scenario.h"
#include "sim/sim_fault.h"
#include "sim/simulation.h"
#include "sim/world.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INVARIANT = 11,
    QUIET_MS = 90 * 1000,        // after the last command
    QUIET_LONG_MS = 2000 * 1000, // for what a fault has delayed
    FAILURES_SHOWN = 5,
};

static const char usage_text[] =
    "usage: sweep [OPTION]... FOLDER...\n"
    "\n"
    "Replays each scenario in FOLDER once for every call that a daemon makes to its ports, and each\n"
    "time one of them goes wrong. Prints one TAP line for each scenario and timing profile.\n"
    "\n"
    "  --timing PROFILE  with this profile; the default is the scenario's own, and fast for those\n"
    "                    whose own is classic\n"
    "  --kind KIND       fail: no effect and an error; lose: effect, but no answer; crash: the last\n"
    "                    thing that the daemon does. Can be given again; the default is all\n"
    "  --stride N        only every N-th of the runs that there would be (1)\n"
    "  --offset N        ... beginning with this one (0)\n"
    "  --only PREFIX     only scenarios whose name begins so\n"
    "  --all             also calls that come again and again in the same state of everything, of\n"
    "                    which otherwise the 1st, 2nd, 4th, 8th ... are taken\n"
    "  --at POSITION     only this call; with --kind: repeats one run and prints its events\n"
    "  --verbose         shows all failures, not only the first five of a scenario\n"
    "  --progress        tells on standard error how far it is\n"
    "\n"
    "Exit status: 0 all held, 1 a scenario ended otherwise, 2 usage, 11 an invariant was broken.\n";

struct options {
    enum timing_profile profile; // TIMING_PROFILE_MAX: see above
    bool kinds[FAULT_VERDICT_MAX];
    uint64_t stride, offset, at;
    const char *only;
    bool all, progress, verbose;
};

// One scenario with one timing profile.
struct sweep {
    const struct options *options;
    const char *folder, *name;
    enum timing_profile profile;
    struct map seen;   // state of everything and call → struct seen *
    struct strbuf end; // as it is to be
    struct strbuf end_long;
    struct map incidents; // what happened without a fault, too
    uint64_t calls, candidates, runs, failures, elsewhere;
    int status;
};

struct seen {
    uint64_t count;
};

// One run. The runs with faults are children of the one without: each branches off at its call, so
// that what comes before is not done again.
struct run {
    struct sweep *sweep;
    struct sim_fault fault;
    struct strbuf end;
    struct map incidents;
    bool prints;
    bool is_child;
    int report;      // of a child: where it says what is wrong
    char *call_text; // of the call that is hit, for people
    // The node of a daemon that crashes when it has no quorum: the next process may be too late to
    // stop what runs there, and then the watchdog has to reset it.
    const char *doomed;
    bool is_excused; // … and that happened, so that it ends otherwise
};

// What a child exits with.
enum child_status { CHILD_FINE, CHILD_ELSEWHERE, CHILD_FAILED, CHILD_INVARIANT };

// --- The state of everything, as a number ---

static void hash_bytes(uint64_t *hash, const char *text)
{
    for (const char *p = text != NULL ? text : "?"; *p != '\0'; p++) {
        *hash = (*hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
    }
    *hash = (*hash ^ 0xff) * UINT64_C(1099511628211);
}

static void hash_number(uint64_t *hash, uint64_t number)
{
    for (int i = 0; i < 64; i += 8) {
        *hash = (*hash ^ ((number >> i) & 0xff)) * UINT64_C(1099511628211);
    }
}

static void hash_daemon(uint64_t *hash, const struct sim_daemon *daemon)
{
    int state = daemon->crm != NULL   ? (int)crm_round_state(daemon->crm)
                : daemon->lrm != NULL ? (int)lrm_round_state(daemon->lrm)
                                      : -1;
    hash_number(hash, (uint64_t)state);
    hash_number(hash, (daemon->armed ? 1U : 0U) + (daemon->stopping ? 2U : 0U));
}

static uint64_t hash_world(const struct sim_world *world)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    map_each (e, &world->store.rows) {
        if (strncmp(e->key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) != 0) {
            hash_bytes(&hash, e->key);
            hash_bytes(&hash, sim_store_find(&world->store, e->key));
        }
    }
    map_each (e, &world->leases.leases) {
        const struct sim_lease *lease = e->value;
        hash_bytes(&hash, e->key);
        hash_bytes(&hash, lease->owner);
        hash_number(&hash, lease->term);
    }
    map_each (e, &world->nodes) {
        const struct sim_node *node = e->value;
        const struct map *runs = map_find(&world->guests.nodes, node->name);
        hash_daemon(&hash, &node->crm);
        hash_daemon(&hash, &node->lrm);
        hash_number(&hash, (node->power ? 1U : 0U) + (node->network ? 2U : 0U) +
                               (node->store_broken ? 4U : 0U) + (node->view_broken ? 8U : 0U));
        for (size_t i = 0; runs != NULL && i < runs->count; i++) {
            hash_bytes(&hash, runs->entries[i].key);
        }
    }
    return hash;
}

static bool is_power_of_two(uint64_t number)
{
    return (number & (number - 1)) == 0;
}

// Whether it is not one more of the same.
static bool call_is_new(struct sweep *sweep, const struct sim_daemon *daemon, enum fault_call call,
                        const char *what)
{
    uint64_t hash = hash_world(daemon->world);
    hash_bytes(&hash, daemon->at);
    hash_bytes(&hash, what);
    hash_number(&hash, call);
    struct strbuf key CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&key, "%016" PRIx64, hash);
    struct seen *seen = map_find(&sweep->seen, strbuf_text(&key));
    if (seen == NULL) {
        seen = alloc_zero(sizeof(*seen));
        map_put(&sweep->seen, strbuf_text(&key), seen);
    }
    seen->count++;
    return sweep->options->all || is_power_of_two(seen->count);
}

// --- How a run ended ---

static void end_add_service(struct arena *arena, const struct sim_world *world, const char *sid,
                            const char *text, struct strbuf *end)
{
    struct service *service = NULL;
    if (service_parse(arena, sid, text, strlen(text), &service, NULL) < 0) {
        strbuf_appendf(end, "%s unreadable\n", sid);
        return;
    }
    strbuf_appendf(end, "%s %s", sid, svc_state_to_string(service->state));
    map_each (e, &world->nodes) {
        bool is_here = strcmp(service->node, e->key) == 0;
        if (sim_guests_runs(&world->guests, e->key, sid)) {
            strbuf_appendf(end, is_here ? " runs" : " runs-elsewhere");
        }
    }
    strbuf_appendf(end, " on %s\n", service->node);
}

static void end_add_nodes(struct arena *arena, const char *text, struct strbuf *end)
{
    struct manager_status *status = NULL;
    if (text == NULL || manager_status_parse(arena, text, strlen(text), &status, NULL) < 0) {
        strbuf_append(end, "no manager status\n");
        return;
    }
    map_each (e, &status->nodes) {
        const struct manager_node *node = e->value;
        strbuf_appendf(end, "%s %s%s\n", e->key, node_state_to_string(node->state),
                       node->maintenance_requested ? " maintenance requested" : "");
    }
    strbuf_appendf(end, "disarm %s%s\n", disarm_mode_to_string(status->disarm),
                   status->disarmed ? " done" : "");
}

static void run_look(void *userdata, const struct sim_world *world)
{
    struct run *run = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *text = NULL;
    end_add_nodes(arena, sim_store_find(&world->store, STORE_KEY_MANAGER_STATUS), &run->end);
    map_each (e, &world->store.rows) {
        text = sim_store_find(&world->store, e->key);
        if (text == NULL) {
            continue;
        }
        if (strncmp(e->key, STORE_PREFIX_SERVICE, strlen(STORE_PREFIX_SERVICE)) == 0) {
            end_add_service(arena, world, e->key + strlen(STORE_PREFIX_SERVICE), text, &run->end);
        } else if (strncmp(e->key, STORE_PREFIX_COMMAND, strlen(STORE_PREFIX_COMMAND)) == 0) {
            strbuf_appendf(&run->end, "%s left\n", text);
        }
    }
    map_each (e, &world->nodes) {
        const struct sim_node *node = e->value;
        strbuf_appendf(&run->end, "%s power %s network %s\n", e->key, node->power ? "on" : "off",
                       node->network ? "on" : "off");
    }
}

static void run_event(void *userdata, int64_t t_ms, const char *at, const struct event *event)
{
    struct run *run = userdata;
    if (run->prints) {
        struct strbuf text CLEANUP(strbuf_done) = {0};
        event_format_text(event, &text);
        (void)printf("# %9.3f %-12s %s\n", (double)t_ms / 1000, at, strbuf_text(&text));
    }
    if (run->doomed != NULL && strcmp(event->name, "watchdog-poweroff") == 0 &&
        strcmp(event_find(event, "node"), run->doomed) == 0) {
        run->is_excused = true;
        return;
    }
    // One fault is no reason to reset or fence a node that would not be otherwise.
    if (strcmp(event->name, "watchdog-poweroff") == 0 || strcmp(event->name, "fence-begin") == 0) {
        struct strbuf text CLEANUP(strbuf_done) = {0};
        event_format_text(event, &text);
        map_put(&run->incidents, strbuf_text(&text), NULL);
    }
}

static void run_init(struct run *run, struct sweep *sweep)
{
    *run = (struct run){.sweep = sweep, .call_text = alloc_strdup("")};
    map_init(&run->incidents, NULL);
}

static void run_done(struct run *run)
{
    strbuf_done(&run->end);
    map_done(&run->incidents);
    free(run->call_text);
}

static int run_go(struct run *run, int64_t quiet_ms, struct error *err)
{
    const struct simulation_spec spec = {.folder = run->sweep->folder,
                                         .profile = run->sweep->profile,
                                         .callback = run_event,
                                         .userdata = run,
                                         .fault = &run->fault,
                                         .quiet_ms = quiet_ms,
                                         .look = run_look};
    strbuf_clear(&run->end);
    run->fault.calls = 0;
    run->fault.happened = false;
    return simulation_run_spec(&spec, err);
}

// --- Judging ---

// Scenarios that may end otherwise for a reason that lies in their story: only invariants count.
static const char *const sweep_stories[] = {
    "live-fence-levels",       // which proof comes first decides whether a device is needed
    "live-lrm-blind",          // a daemon that cannot read for long, and fails then, costs its node
    "live-start-fails",        // a guest that fails so many starts, counted over all of them
    "maintenance-unreadable",  // a node never reads again: whatever fails there then costs it
    "master-lost",             // the first node is the master, whose power is cut
    "moved-with-result",       // a guest that fails so many starts, likewise
    "rebalance-moved-by-hand", // the operator's hand hits before or after the move
    "rebalance-source-lost",   // the first node is the master, the second cannot read
    "restart-forgotten",       // rounds are left out, and which ones decides: freeze or fence
    "wrong-node-and-lost",     // the operator's hand hits before or after the move
};

static bool sweep_is_story(const struct sweep *sweep)
{
    // As in the reference: who has lost the lease in maintenance goes on as an active one, and the
    // node is shut down with the guest that cannot leave.
    if (sweep->profile == TIMING_PROFILE_CLASSIC &&
        strcmp(sweep->name, "shutdown-in-maintenance") == 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(sweep_stories); i++) {
        if (strcmp(sweep->name, sweep_stories[i]) == 0) {
            return true;
        }
    }
    return false;
}

// Lines that differ, up to the node after " on ", which is told apart: a service may be as well off
// on another node.
static bool line_is_equal(const char *left, const char *right, bool *ret_elsewhere)
{
    size_t left_size = strcspn(left, "\n");
    size_t right_size = strcspn(right, "\n");
    if (left_size == right_size && strncmp(left, right, left_size) == 0) {
        return true;
    }
    const char *left_on = strstr(left, " on ");
    const char *right_on = strstr(right, " on ");
    if (left_on == NULL || right_on == NULL || left_on > left + left_size ||
        right_on > right + right_size) {
        return false;
    }
    *ret_elsewhere = true;
    return left_on - left == right_on - right &&
           strncmp(left, right, (size_t)(left_on - left)) == 0;
}

// NULL when they are equal, else where they begin to differ.
static const char *end_compare(const char *want, const char *got, bool *ret_elsewhere,
                               const char **ret_want)
{
    bool elsewhere = false;
    while (*want != '\0' && *got != '\0') {
        *ret_want = want;
        if (!line_is_equal(want, got, &elsewhere)) {
            return got;
        }
        want += strcspn(want, "\n");
        got += strcspn(got, "\n");
        want += *want != '\0' ? 1 : 0;
        got += *got != '\0' ? 1 : 0;
    }
    *ret_want = want;
    if (*want != *got) {
        return *got != '\0' ? got : "(missing)";
    }
    *ret_elsewhere = elsewhere;
    return NULL;
}

// In a child, or when one call is repeated: says what is wrong, to the parent or to people.
static enum child_status run_fail(const struct run *run, const char *what, const char *text,
                                  const char *wanted)
{
    struct strbuf words CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&words, "# --timing %s --kind %s --at %" PRIu64 " %s: %s\n#   %s: %.*s",
                   timing_profile_to_string(run->sweep->profile),
                   fault_verdict_name(run->fault.verdict), run->fault.position, run->sweep->folder,
                   run->call_text, what, (int)strcspn(text, "\n"), text);
    if (wanted != NULL) {
        strbuf_appendf(&words, ", not: %.*s", (int)strcspn(wanted, "\n"), wanted);
    }
    strbuf_append(&words, "\n");
    // A pipe takes that much at once; should it not, the status says the rest.
    ignore_result((int)write(run->report, strbuf_text(&words), words.size_bytes));
    return CHILD_FAILED;
}

// After the first run, which ended with r.
static enum child_status run_judge(struct run *run, int r, struct error *err)
{
    const struct sweep *sweep = run->sweep;
    bool elsewhere = false;
    const char *differs = NULL;
    const char *wanted = "";
    if (r == SIMULATION_OUTCOME_DONE) {
        differs =
            end_compare(strbuf_text(&sweep->end), strbuf_text(&run->end), &elsewhere, &wanted);
    }
    run->is_excused = run->is_excused || sweep_is_story(sweep);
    if (differs != NULL && !run->is_excused) { // perhaps it only takes longer
        run->fault.called = NULL;
        run->doomed = NULL; // its name went with the world
        r = run_go(run, QUIET_LONG_MS, err);
        differs =
            end_compare(strbuf_text(&sweep->end_long), strbuf_text(&run->end), &elsewhere, &wanted);
    }
    if (r == SIMULATION_OUTCOME_INVARIANT) {
        ignore_result((int)run_fail(run, "invariant", err->text, NULL)); // there is a better word
        return CHILD_INVARIANT;
    }
    if (r < 0) {
        return run_fail(run, "failed", err->text, NULL);
    }
    if (!run->fault.happened) {
        return run_fail(run, "failed", "the call did not come again", NULL);
    }
    if (run->is_excused) {
        return CHILD_ELSEWHERE;
    }
    map_each (e, &run->incidents) {
        if (!map_has(&sweep->incidents, e->key)) {
            return run_fail(run, "happened", e->key, NULL);
        }
    }
    if (differs != NULL) {
        return run_fail(run, "ends with", differs, wanted);
    }
    return elsewhere ? CHILD_ELSEWHERE : CHILD_FINE;
}

// --- All of one scenario ---

// In classic replay a daemon that dies, or a CRM that cannot let its watchdog go, costs its node; a
// worker that cannot be run puts its service in error, and an LRM that cannot read in maintenance
// ends: as in the reference. These are asked
// of the live profiles only.
static bool sweep_wants(const struct sweep *sweep, const struct sim_daemon *daemon,
                        enum fault_verdict verdict, enum fault_call call)
{
    bool of_lrm = daemon->kind == SIM_DAEMON_LRM && call == FAULT_CALL_STORE_READ;
    bool of_crm = daemon->kind == SIM_DAEMON_CRM && call == FAULT_CALL_WATCHDOG_DISARM;
    bool of_worker = call == FAULT_CALL_WORKERS_SPAWN || call == FAULT_CALL_WORKER_REFRESH ||
                     call == FAULT_CALL_WORKER_READ || call == FAULT_CALL_WORKER_COMMIT;
    bool live = sweep->profile != TIMING_PROFILE_CLASSIC;
    return sweep->options->kinds[verdict] && fault_verdict_fits(verdict, call) &&
           (live || (verdict != FAULT_VERDICT_CRASH && !of_worker && !of_lrm && !of_crm));
}

static void sweep_take_child(struct sweep *sweep, pid_t pid, int report, const struct run *run)
{
    char text[4096];
    ssize_t size = read(report, text, sizeof(text) - 1);
    text[size > 0 ? size : 0] = '\0';
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) {
        abort(); // nobody else waits for it
    }
    int said = WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_INVARIANT;
    sweep->runs++;
    sweep->elsewhere += said == CHILD_ELSEWHERE ? 1 : 0;
    if (said == CHILD_FINE || said == CHILD_ELSEWHERE) {
        return;
    }
    sweep->failures++;
    int result = said == CHILD_INVARIANT ? EXIT_INVARIANT : EXIT_FAILED;
    sweep->status = result > sweep->status ? result : sweep->status;
    if (sweep->failures > FAILURES_SHOWN && !sweep->options->verbose) {
        return;
    }
    (void)fputs(text, stdout); // checked as a whole at the end
    if (!WIFEXITED(status)) {
        (void)printf("# --timing %s --kind %s --at %" PRIu64 " %s: %s\n#   crashed: signal %d\n",
                     timing_profile_to_string(sweep->profile),
                     fault_verdict_name(run->fault.verdict), run->fault.calls, sweep->folder,
                     run->call_text, WTERMSIG(status));
    }
}

// True in the child, which goes on with the fault.
static bool run_branch(struct run *run, uint64_t position, enum fault_verdict verdict)
{
    int ends[2];
    if (fflush(stdout) != 0 || pipe(ends) < 0) {
        abort(); // a test without memory or descriptors
    }
    run->fault.verdict = verdict;
    pid_t pid = fork();
    if (pid < 0) {
        abort(); // likewise
    }
    if (pid == 0) {
        (void)close(ends[0]); // the parent's
        run->is_child = true;
        run->report = ends[1];
        run->fault.position = position;
        return true;
    }
    (void)close(ends[1]); // the child's
    sweep_take_child(run->sweep, pid, ends[0], run);
    (void)close(ends[0]); // read to its end
    return false;
}

static void run_called(void *userdata, const struct sim_daemon *daemon, uint64_t position,
                       enum fault_call call, const char *what)
{
    struct run *run = userdata;
    struct sweep *sweep = run->sweep;
    const struct options *options = sweep->options;
    if (options->at == position) {
        bool dooms = run->fault.verdict == FAULT_VERDICT_CRASH &&
                     !sim_node_is_quorate(daemon->world, daemon->node);
        run->doomed = dooms ? daemon->node->name : NULL;
    }
    if (options->at != 0 || run->is_child || !call_is_new(sweep, daemon, call, what)) {
        return;
    }
    sweep->calls = position;
    free(run->call_text);
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "%s %s %s at %.3f", daemon->at, fault_call_name(call), what,
                   (double)daemon->clock_ms / 1000);
    run->call_text = strbuf_steal(&text);
    for (size_t v = FAULT_VERDICT_FAIL; v < FAULT_VERDICT_MAX; v++) {
        enum fault_verdict verdict = (enum fault_verdict)v;
        bool dooms =
            verdict == FAULT_VERDICT_CRASH && !sim_node_is_quorate(daemon->world, daemon->node);
        run->doomed = dooms ? daemon->node->name : NULL;
        if (sweep_wants(sweep, daemon, verdict, call) &&
            sweep->candidates++ % options->stride == options->offset &&
            run_branch(run, position, verdict)) {
            return;
        }
    }
    if (options->progress && sweep->runs % 16 == 0) {
        (void)fprintf(stderr, "\r%s %s: %.3f s, %" PRIu64 " runs, %" PRIu64 " failed ", sweep->name,
                      timing_profile_to_string(sweep->profile),
                      (double)daemon->world->now_ms / 1000, sweep->runs, sweep->failures);
    }
}

static int sweep_prepare(struct sweep *sweep, struct error *err)
{
    struct run run CLEANUP(run_done);
    run_init(&run, sweep);
    int r = run_go(&run, QUIET_LONG_MS, err);
    strbuf_append(&sweep->end_long, strbuf_text(&run.end));
    if (r < 0 || r == SIMULATION_OUTCOME_INVARIANT) {
        return r;
    }
    map_clear(&run.incidents);
    r = run_go(&run, QUIET_MS, err);
    strbuf_append(&sweep->end, strbuf_text(&run.end));
    map_each (e, &run.incidents) {
        map_put(&sweep->incidents, e->key, NULL);
    }
    return r;
}

static void sweep_run_all(struct sweep *sweep)
{
    struct run run CLEANUP(run_done);
    struct error err = {0};
    run_init(&run, sweep);
    run.fault.called = run_called;
    run.fault.userdata = &run;
    int r = run_go(&run, QUIET_MS, &err);
    if (run.is_child) {
        _exit((int)run_judge(&run, r, &err));
    }
    sweep->calls = run.fault.calls;
}

// One run, with its events.
static void sweep_repeat(struct sweep *sweep)
{
    for (size_t v = FAULT_VERDICT_FAIL; v < FAULT_VERDICT_MAX; v++) {
        if (!sweep->options->kinds[v]) {
            continue;
        }
        struct run run CLEANUP(run_done);
        struct error err = {0};
        run_init(&run, sweep);
        run.fault =
            (struct sim_fault){.position = sweep->options->at, .verdict = (enum fault_verdict)v};
        run.fault.called = run_called;
        run.fault.userdata = &run;
        run.prints = true;
        run.report = STDOUT_FILENO;
        int r = run_go(&run, QUIET_MS, &err);
        (void)fflush(stdout); // before the words of run_fail()
        enum child_status said = run_judge(&run, r, &err);
        sweep->runs++;
        sweep->failures += said == CHILD_FAILED || said == CHILD_INVARIANT ? 1 : 0;
        sweep->status = said == CHILD_INVARIANT ? EXIT_INVARIANT
                        : said == CHILD_FAILED  ? EXIT_FAILED
                                                : sweep->status;
    }
}

static void sweep_done(struct sweep *sweep)
{
    map_done(&sweep->seen);
    map_done(&sweep->incidents);
    strbuf_done(&sweep->end);
    strbuf_done(&sweep->end_long);
}

static int sweep_scenario(const struct options *options, const char *folder,
                          enum timing_profile profile, size_t *number)
{
    const char *slash = strrchr(folder, '/');
    struct sweep sweep CLEANUP(sweep_done) = {.options = options,
                                              .folder = folder,
                                              .name = slash != NULL ? slash + 1 : folder,
                                              .profile = profile};
    struct error err = {0};
    map_init(&sweep.seen, free);
    map_init(&sweep.incidents, NULL);
    if (sweep_prepare(&sweep, &err) != SIMULATION_OUTCOME_DONE) {
        (void)printf("not ok %zu - %s %s\n# without a fault: %s\n", ++*number, sweep.name,
                     timing_profile_to_string(profile), err.text);
        return EXIT_FAILED;
    }
    if (options->at != 0) {
        sweep_repeat(&sweep);
    } else {
        sweep_run_all(&sweep);
    }
    if (options->progress) {
        (void)fprintf(stderr, "\r%70s\r", "");
    }
    (void)printf("%sok %zu - %s %s # %" PRIu64 " calls, %" PRIu64 " runs, %" PRIu64
                 " ended on another node, %" PRIu64 " failed\n",
                 sweep.failures > 0 ? "not " : "", ++*number, sweep.name,
                 timing_profile_to_string(profile), sweep.calls, sweep.runs, sweep.elsewhere,
                 sweep.failures);
    (void)fflush(stdout); // checked as a whole at the end
    return sweep.status;
}

// --- The command line ---

static bool folder_is_scenario(struct arena *arena, const char *folder)
{
    struct stat info;
    return stat(arena_printf(arena, "%s/cmdlist", folder), &info) == 0;
}

static void folders_add(struct arena *arena, const char *folder, const char *only,
                        struct map *paths)
{
    if (folder_is_scenario(arena, folder)) {
        map_put(paths, folder, NULL);
        return;
    }
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        const char *path = arena_printf(arena, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, only, strlen(only)) == 0 &&
            folder_is_scenario(arena, path)) {
            map_put(paths, path, NULL);
        }
    }
    (void)closedir(dir); // reading only
}

static int sweep_folder(struct arena *arena, const struct options *options, const char *folder,
                        size_t *number)
{
    struct error err = {0};
    enum timing_profile profile = options->profile;
    bool chosen = profile != TIMING_PROFILE_MAX;
    if (!chosen && scenario_find_timing(arena, folder, &profile, &err) < 0) {
        (void)printf("not ok %zu - %s\n# %s\n", ++*number, folder, err.text);
        return EXIT_FAILED;
    }
    int status = sweep_scenario(options, folder, profile, number);
    if (!chosen && profile == TIMING_PROFILE_CLASSIC) {
        int other = sweep_scenario(options, folder, TIMING_PROFILE_FAST, number);
        status = other > status ? other : status;
    }
    return status;
}

static bool option_number(const char *text, uint64_t min, uint64_t *ret)
{
    return text != NULL && parse_uint64(text, ret) == 0 && *ret >= min;
}

static bool option_kind(const char *text, struct options *options)
{
    for (size_t i = FAULT_VERDICT_FAIL; i < FAULT_VERDICT_MAX; i++) {
        if (text != NULL && strcmp(text, fault_verdict_name((enum fault_verdict)i)) == 0) {
            options->kinds[i] = true;
            return true;
        }
    }
    return false;
}

static bool option_flag(const char *text, struct options *options)
{
    if (strcmp(text, "--all") == 0) {
        options->all = true;
    } else if (strcmp(text, "--progress") == 0) {
        options->progress = true;
    } else if (strcmp(text, "--verbose") == 0) {
        options->verbose = true;
    } else {
        return false;
    }
    return true;
}

static bool options_parse(int argc, char **argv, struct options *options, struct map *folders,
                          struct arena *arena)
{
    bool kinds = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool takes = true;
        bool fine = true;
        if (strcmp(argv[i], "--timing") == 0) {
            fine = value != NULL && timing_profile_from_string(value, &options->profile) == 0;
        } else if (strcmp(argv[i], "--kind") == 0) {
            fine = option_kind(value, options);
            kinds = true;
        } else if (strcmp(argv[i], "--stride") == 0) {
            fine = option_number(value, 1, &options->stride);
        } else if (strcmp(argv[i], "--offset") == 0) {
            fine = option_number(value, 0, &options->offset);
        } else if (strcmp(argv[i], "--only") == 0) {
            options->only = value != NULL ? value : "";
            fine = value != NULL;
        } else if (strcmp(argv[i], "--at") == 0) {
            fine = option_number(value, 1, &options->at);
        } else {
            takes = false;
            options->all = options->all || strcmp(argv[i], "--all") == 0;
            if (argv[i][0] != '-') {
                folders_add(arena, argv[i], options->only, folders);
            }
            fine = argv[i][0] != '-' || option_flag(argv[i], options);
        }
        if (!fine) {
            return false;
        }
        i += takes ? 1 : 0;
    }
    for (size_t i = 0; i < FAULT_VERDICT_MAX; i++) {
        options->kinds[i] = options->kinds[i] || !kinds;
    }
    options->offset %= options->stride;
    return folders->count > 0;
}

int main(int argc, char **argv)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct options options = {.profile = TIMING_PROFILE_MAX, .stride = 1, .only = ""};
    struct map folders CLEANUP(map_done) = {0};
    map_init(&folders, NULL);
    if (!options_parse(argc, argv, &options, &folders, arena)) {
        (void)fputs(usage_text, stderr);
        return EXIT_USAGE;
    }
    int worst = EXIT_DONE;
    size_t number = 0;
    map_each (e, &folders) {
        int status = sweep_folder(arena, &options, e->key, &number);
        worst = status > worst ? status : worst;
    }
    (void)printf("1..%zu\n", number);
    return fflush(stdout) == 0 ? worst : EXIT_FAILED;
}

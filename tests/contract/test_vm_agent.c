// SPDX-License-Identifier: Apache-2.0
// The vm agent on real machines, emulated: QEMU with the guest of tests/lib/vm_guest.c. Runs in a
// machine of its own (in_node.sh), where this test may start, kill and count as it likes. Live
// moves between nodes are tests/cluster's matter; what they leave when they are interrupted is
// made here.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/vm.h"
#include "lrm/agents/vm_boot.h"
#include "lrm/agents/vm_task.h"
#include "tests/lib/agent_verbs.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

#define TEST_FOLDER "/run/vm-agent-test"
#define TEST_DISK   TEST_FOLDER "/disk"
#define TEST_SERIAL TEST_FOLDER "/serial"
#define TEST_MEMORY TEST_FOLDER "/memory"
#define TEST_LEASE  "ha_agent_node1_lock"

enum { TEST_TERM = 7, TEST_WAIT_MS = 20000, TEST_SILENCE_MS = 1000, TEST_DISK_BYTES = 1024 * 1024 };

struct fixture {
    struct arena *arena;
    struct fake_store *store;
    struct agent *agent;
    struct guest *guest;
    struct error err;
};

static void set(struct fixture *f, const char *key, const char *value)
{
    map_put(&f->guest->config, key, arena_strdup(f->arena, value));
}

static void store_guest(struct fixture *f)
{
    fake_store_put(f->store, "guest/vm:101", guest_format(f->arena, f->guest));
}

static struct agent *agent_with_term(struct fixture *f, uint64_t term)
{
    return vm_agent_new(&(struct agent_context){.node = "node1",
                                                .store = fake_store_port(f->store),
                                                .lease_term = term,
                                                .stop_timeout_s = 5});
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->store = fake_store_new();
    f->agent = agent_with_term(f, TEST_TERM);
    f->guest = guest_new(f->arena, "vm:101", "node1");
    (void)mkdir(TEST_FOLDER, 0700);
    (void)unlink(TEST_DISK);
    (void)unlink(TEST_SERIAL);
    int fd = open(TEST_DISK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, TEST_DISK_BYTES) < 0 || close(fd) < 0) {
        return -1;
    }
    set(f, "memory", "16");
    set(f, "kvm", "0"); // what works here is not what is tested
    set(f, "vga", "none");
    set(f, "kernel", getenv("VM_GUEST"));
    set(f, "append", "count");
    set(f, "ide0", TEST_DISK ",cache=writeback");
    set(f, "args", "-serial file:" TEST_SERIAL);
    store_guest(f);
    fake_store_hold(f->store, TEST_LEASE, "node1", TEST_TERM);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = f->agent->ops->stop(f->agent, f->guest, 0, NULL);
    service_agent_free(f->agent);
    fake_store_free(f->store);
    arena_free(f->arena);
    free(f);
    return r;
}

static const char *read_text(struct fixture *f, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    return file_read(f->arena, path, 1024 * 1024, &text, &size, NULL) == 0 ? text : "";
}

// Waits until the guest has said it so many times.
static void wait_for_words(struct fixture *f, const char *words, int times)
{
    for (int waited_ms = 0;; waited_ms += 20) {
        int count = 0;
        for (const char *at = read_text(f, TEST_SERIAL); (at = strstr(at, words)) != NULL; at++) {
            count++;
        }
        if (count >= times) {
            return;
        }
        assert_true(waited_ms < TEST_WAIT_MS);
        host_sleep_ms(20);
    }
}

static void assert_nothing_left(struct fixture *f)
{
    assert_false(agent_verbs_is_running(f->agent, f->guest));
    assert_int_equal(vm_agent_init_pid("vm:101"), 0);
}

static struct qmp_client *control(struct fixture *f)
{
    struct qmp_client *qmp = NULL;
    fixture_ok(f, qmp_client_connect("/run/ha-manager/vm-101/qmp", 5000, &qmp, &f->err));
    return qmp;
}

static const char *status_on(struct fixture *f, struct qmp_client *qmp)
{
    const struct json *answer = NULL;
    fixture_ok(f, qmp_client_execute(qmp, "query-status", NULL, 5000, f->arena, &answer, &f->err));
    return json_find_string(answer, "status");
}

static const char *status_of(struct fixture *f)
{
    struct qmp_client *qmp CLEANUP(qmp_client_freep) = control(f);
    return status_on(f, qmp);
}

static void vm_never_started_does_not_run(void **state)
{
    struct fixture *f = *state;
    assert_nothing_left(f);
}

static void vm_started_runs_in_its_own_group(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    wait_for_words(f, "VM-UP", 1);
    pid_t pid = vm_agent_init_pid("vm:101");
    assert_true(pid > 0);
    const char *groups = read_text(f, arena_printf(f->arena, "/proc/%d/cgroup", pid));
    assert_non_null(strstr(groups, ":/ha-manager.101.vm\n"));
    assert_string_equal(read_text(f, arena_printf(f->arena, "/proc/%d/oom_score_adj", pid)), "0\n");
    bool running = false;
    int64_t cpu_us = 0;
    int64_t mem_bytes = 0;
    fixture_ok(f, vm_agent_load("vm:101", &running, &cpu_us, &mem_bytes, &f->err));
    assert_true(running);
}

// Our daemons block signals, and QEMU must not inherit that, nor any descriptor.
static void vm_started_inherits_nothing(void **state)
{
    struct fixture *f = *state;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    int fd = open("/dev/zero", O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(close(fd), 0);
    pid_t pid = vm_agent_init_pid("vm:101");
    char target[64] = {0};
    const char *link = arena_printf(f->arena, "/proc/%d/fd/%d", pid, fd);
    ssize_t length = readlink(link, target, sizeof(target) - 1);
    assert_true(length < 0 || strcmp(target, "/dev/zero") != 0);
    const char *status = read_text(f, arena_printf(f->arena, "/proc/%d/status", pid));
    assert_non_null(strstr(status, "SigBlk:\t00000000"));
    assert_null(strstr(status, "SigBlk:\tffff"));
}

static void vm_running_start_changes_nothing(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    pid_t pid = vm_agent_init_pid("vm:101");
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(vm_agent_init_pid("vm:101"), pid);
    fixture_ok(f, f->agent->ops->health(f->agent, f->guest, &f->err));
}

// --- The agent inside. ---

static int ping(struct fixture *f, int64_t timeout_ms)
{
    error_clear(&f->err);
    return f->agent->ops->ping(f->agent, f->guest, timeout_ms, &f->err);
}

static void vm_without_an_agent_cannot_be_asked(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    fixture_refuses(f, ping(f, TEST_SILENCE_MS), -ENOTSUP, "no guest agent");
}

// QEMU is there and the machine runs, but nobody in it answers, and never has.
static void vm_whose_agent_never_came_counts_as_booting(void **state)
{
    struct fixture *f = *state;
    set(f, "agent", "1");
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    fixture_refuses(f, ping(f, TEST_SILENCE_MS), -EAGAIN, "has not answered since it was started");
}

static void hang(struct fixture *f)
{
    char order[512] = "HAVMHANG";
    int fd = open(TEST_DISK, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, order + 8, 8, 8), 8); // which start it is
    assert_int_equal(pwrite(fd, order, sizeof(order), 1024), (ssize_t)sizeof(order));
    assert_int_equal(close(fd), 0);
    wait_for_words(f, "VM-HANG", 1);
}

static void vm_that_hangs_is_known_by_its_agent_only(void **state)
{
    struct fixture *f = *state;
    set(f, "agent", "1,type=isa");
    set(f, "append", "count agent");
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    fixture_ok(f, ping(f, TEST_WAIT_MS));
    fixture_ok(f, ping(f, TEST_WAIT_MS));
    hang(f);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    fixture_ok(f, f->agent->ops->health(f->agent, f->guest, &f->err));
    fixture_refuses(f, ping(f, TEST_SILENCE_MS), -ETIMEDOUT, "its guest agent does not answer");
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 0, &f->err));
    agent_verbs_start(f->agent, f->guest);
    fixture_ok(f, ping(f, TEST_WAIT_MS)); // the next one heard only what was meant for it
}

// A question that nobody waited for is in the line.
static void vm_agent_is_understood_whatever_stands_in_the_line(void **state)
{
    struct fixture *f = *state;
    struct qmp_client *before = NULL;
    set(f, "agent", "1,type=isa");
    set(f, "append", "count agent");
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    fixture_ok(f, qmp_client_open_silent("/run/ha-manager/vm-101/agent", &before, &f->err));
    assert_int_equal(qmp_client_execute(before, "guest-info", NULL, 0, f->arena, NULL, &f->err),
                     -ETIMEDOUT);
    error_clear(&f->err);
    qmp_client_free(before);
    fixture_ok(f, ping(f, TEST_WAIT_MS));
}

static void vm_stop_presses_the_power_button(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    time_t before = time(NULL);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 60, &f->err));
    assert_true(time(NULL) - before < 20);
    wait_for_words(f, "VM-OFF", 1);
    assert_nothing_left(f);
}

static void vm_stop_without_answer_is_hard_after_the_time(void **state)
{
    struct fixture *f = *state;
    set(f, "append", "count deaf");
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    time_t before = time(NULL);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 1, &f->err));
    assert_true(time(NULL) - before < 10);
    assert_nothing_left(f);
}

static void vm_stop_of_a_stopped_one_is_fine(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 10, &f->err));
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 0, &f->err));
    assert_nothing_left(f);
}

static void vm_stop_of_a_frozen_one_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(kill(vm_agent_init_pid("vm:101"), SIGSTOP), 0);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 1, &f->err));
    assert_nothing_left(f);
}

static void vm_kill_needs_only_its_name(void **state)
{
    struct fixture *f = *state;
    struct agent *other CLEANUP(service_agent_freep) =
        vm_agent_new(&(struct agent_context){.node = "node1"});
    agent_verbs_start(f->agent, f->guest);
    fixture_ok(f, other->ops->kill(other, "vm:101", 5000, &f->err));
    assert_nothing_left(f);
    fixture_ok(f, other->ops->kill(other, "vm:101", 5000, &f->err));
    fixture_ok(f, other->ops->kill(other, "vm:999", 5000, &f->err));
}

static void vm_that_died_starts_again_and_counts_on(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    pid_t pid = vm_agent_init_pid("vm:101");
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (int i = 0; i < 500 && agent_verbs_is_running(f->agent, f->guest); i++) {
        host_sleep_ms(10);
    }
    assert_false(agent_verbs_is_running(f->agent, f->guest));
    agent_verbs_start(f->agent, f->guest);
    assert_int_not_equal(vm_agent_init_pid("vm:101"), pid);
    wait_for_words(f, "VM-TICK", 1);
    assert_null(strstr(read_text(f, TEST_SERIAL), "VM-DOUBLE"));
}

// The second line: somebody else starts the same machine where no lease is asked.
static void vm_disk_in_use_cannot_be_started_twice(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-UP", 1);
    struct guest *twin = guest_new(f->arena, "vm:102", "node1");
    map_each (e, &f->guest->config) {
        map_put(&twin->config, e->key, e->value);
    }
    map_put(&twin->config, "args", arena_strdup(f->arena, "-serial null"));
    int r = f->agent->ops->start(f->agent, twin, &f->err);
    fixture_refuses(f, r, -EIO, "lock");
    bool running = true;
    fixture_ok(f, f->agent->ops->check(f->agent, twin, &running, &f->err));
    assert_false(running);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
}

static void vm_without_its_volume_says_which(void **state)
{
    struct fixture *f = *state;
    set(f, "scsi0", TEST_FOLDER "/missing");
    fixture_refuses(f, f->agent->ops->start(f->agent, f->guest, &f->err), -ENOENT,
                    "cannot start 'vm:101': scsi0: cannot use '" TEST_FOLDER "/missing' on node");
    assert_nothing_left(f);
}

static void vm_with_an_unknown_storage_says_which(void **state)
{
    struct fixture *f = *state;
    set(f, "scsi0", "nowhere:disk");
    fixture_refuses(f, f->agent->ops->start(f->agent, f->guest, &f->err), -ENOENT,
                    "scsi0: storage 'nowhere'");
}

static void vm_that_qemu_refuses_has_its_words(void **state)
{
    struct fixture *f = *state;
    set(f, "args", "-device no-such-device");
    fixture_refuses(f, f->agent->ops->start(f->agent, f->guest, &f->err), -EIO, "no-such-device");
    assert_nothing_left(f);
}

static void vm_with_kvm_where_it_does_not_work_is_refused_or_runs(void **state)
{
    struct fixture *f = *state;
    set(f, "kvm", "1");
    set(f, "append", "");
    (void)map_remove(&f->guest->config, "append");
    int r = f->agent->ops->start(f->agent, f->guest, &f->err);
    if (r == 0) {
        wait_for_words(f, "VM-UP", 1);
        return;
    }
    fixture_refuses(f, r, -ENOTSUP, "kvm is wanted, but does not work here: ");
    assert_nothing_left(f);
}

static void vm_of_another_node_is_not_started(void **state)
{
    struct fixture *f = *state;
    f->guest->node = "node2";
    fixture_refuses(f, f->agent->ops->start(f->agent, f->guest, &f->err), -EXDEV, "node2");
    f->guest->node = "node1";
    f->guest->lock = "backup";
    fixture_refuses(f, f->agent->ops->start(f->agent, f->guest, &f->err), -EBUSY, "backup");
    assert_nothing_left(f);
}

// --- Offline moves. ---

static const char *place_of(struct fixture *f)
{
    struct guest *guest = NULL;
    const char *text = fake_store_get(f->store, "guest/vm:101");
    assert_int_equal(guest_parse(f->arena, text, strlen(text), &guest, &f->err), 0);
    return guest->node;
}

static void vm_moved_offline_is_stopped_and_given_away(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    fixture_ok(f, f->agent->ops->move(f->agent, f->guest, "node2", false, &f->err));
    assert_nothing_left(f);
    assert_string_equal(place_of(f), "node2");
    wait_for_words(f, "VM-OFF", 1);
}

static void vm_stopped_is_given_away_as_it_is(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, f->agent->ops->move(f->agent, f->guest, "node2", true, &f->err));
    assert_string_equal(place_of(f), "node2");
}

static void vm_is_not_given_away_without_the_lease(void **state)
{
    struct fixture *f = *state;
    struct agent *other CLEANUP(service_agent_freep) = agent_with_term(f, 0);
    agent_verbs_start(f->agent, f->guest);
    fixture_refuses(f, other->ops->move(other, f->guest, "node2", false, &f->err), -EPERM, "lease");
    struct agent *late CLEANUP(service_agent_freep) = agent_with_term(f, TEST_TERM - 1);
    assert_int_equal(late->ops->move(late, f->guest, "node2", false, &f->err), -EPERM);
    assert_string_equal(place_of(f), "node1");
}

static void vm_on_a_storage_of_one_node_is_not_moved(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->store, "storage/own", "dir: own\n\tpath " TEST_FOLDER "\n\tshared 0\n");
    set(f, "ide0", "own:disk");
    store_guest(f);
    fixture_refuses(f, f->agent->ops->move(f->agent, f->guest, "node2", false, &f->err), -EXDEV,
                    "ide0: 'own:disk' is on a storage that is not shared");
}

// --- What interrupted live moves leave. ---

static void execute(struct fixture *f, struct qmp_client *qmp, const char *command,
                    const char *arguments)
{
    struct json *json = NULL;
    if (arguments != NULL) {
        fixture_ok(f, json_parse(f->arena, arguments, strlen(arguments), &json, &f->err));
    }
    fixture_ok(f, qmp_client_execute(qmp, command, json, 5000, f->arena, NULL, &f->err));
}

// Sends the machine into a file; it waits here, its disks given up, as after a live move.
static void send_away(struct fixture *f)
{
    struct qmp_client *qmp CLEANUP(qmp_client_freep) = control(f);
    execute(f, qmp, "migrate-set-capabilities",
            "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}");
    execute(f, qmp, "migrate", "{\"uri\":\"exec:cat >" TEST_MEMORY "\"}");
    for (int i = 0; strcmp(status_on(f, qmp), "postmigrate") != 0; i++) {
        assert_true(i < 1000);
        host_sleep_ms(10);
    }
}

static void receive_from_file(struct fixture *f, const char *id)
{
    struct vm_task task;
    fixture_ok(f, vm_task_begin(&task, (struct service_agent *)f->agent, f->guest, &f->err));
    fixture_ok(f, vm_task_lock(&task, 1000, &f->err));
    fixture_ok(f, vm_boot_incoming(&task, f->guest, false, id, &f->err));
    vm_task_end(&task);
    if (access(TEST_MEMORY, F_OK) < 0) {
        return;
    }
    struct qmp_client *qmp CLEANUP(qmp_client_freep) = control(f);
    execute(f, qmp, "migrate-set-capabilities",
            "{\"capabilities\":[{\"capability\":\"late-block-activate\",\"state\":true}]}");
    execute(f, qmp, "migrate-incoming", "{\"uri\":\"exec:cat " TEST_MEMORY "\"}");
    for (int i = 0; strcmp(status_on(f, qmp), "paused") != 0; i++) {
        assert_true(i < 1000);
        host_sleep_ms(10);
    }
}

static void vm_sent_but_not_given_away_goes_on_here(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    uint64_t before = fake_store_version(f->store, "guest/vm:101");
    send_away(f);
    fixture_ok(f, f->agent->ops->health(f->agent, f->guest, &f->err));
    assert_string_equal(status_of(f), "running");
    // INV-1: a write that would give it away and is still on its way comes too late now.
    assert_true(fake_store_version(f->store, "guest/vm:101") > before);
    wait_for_words(f, "VM-TICK", 3);
    assert_null(strstr(read_text(f, TEST_SERIAL), "VM-DOUBLE"));
}

static void vm_sent_and_given_away_does_not_go_on_here(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    send_away(f);
    struct guest *there = guest_new(f->arena, "vm:101", "node2");
    there->arrival = "abc";
    fake_store_put(f->store, "guest/vm:101", guest_format(f->arena, there));
    fixture_refuses(f, f->agent->ops->health(f->agent, f->guest, &f->err), -EXDEV, "node2");
    assert_string_equal(status_of(f), "postmigrate");
}

static void vm_sent_does_not_go_on_while_the_store_is_away(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    send_away(f);
    fake_store_fail(f->store, 0, 0, -ETIMEDOUT);
    assert_int_equal(f->agent->ops->health(f->agent, f->guest, &f->err), -ETIMEDOUT);
    assert_string_equal(status_of(f), "postmigrate");
    fake_store_fail(f->store, 0, 0, 0);
    fixture_ok(f, f->agent->ops->health(f->agent, f->guest, &f->err));
    assert_string_equal(status_of(f), "running");
}

static void make_memory(struct fixture *f)
{
    agent_verbs_start(f->agent, f->guest);
    wait_for_words(f, "VM-TICK", 1);
    send_away(f);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 0, &f->err));
    (void)unlink(TEST_SERIAL);
}

static void vm_received_and_named_goes_on(void **state)
{
    struct fixture *f = *state;
    make_memory(f);
    receive_from_file(f, "move-1");
    f->guest->arrival = "move-1";
    store_guest(f);
    agent_verbs_start(f->agent, f->guest);
    assert_string_equal(status_of(f), "running");
    wait_for_words(f, "VM-TICK", 2);
    const char *said = read_text(f, TEST_SERIAL);
    assert_null(strstr(said, "VM-UP")); // it did not boot
    assert_null(strstr(said, "VM-DOUBLE"));
    assert_int_equal(unlink(TEST_MEMORY), 0);
}

static void vm_received_of_another_move_is_dropped(void **state)
{
    struct fixture *f = *state;
    make_memory(f);
    receive_from_file(f, "move-1");
    pid_t pid = vm_agent_init_pid("vm:101");
    f->guest->arrival = "move-2";
    store_guest(f);
    agent_verbs_start(f->agent, f->guest);
    assert_int_not_equal(vm_agent_init_pid("vm:101"), pid);
    wait_for_words(f, "VM-UP", 1);
    assert_int_equal(unlink(TEST_MEMORY), 0);
}

static void vm_that_still_waits_to_receive_is_dropped(void **state)
{
    struct fixture *f = *state;
    receive_from_file(f, "move-1");
    pid_t pid = vm_agent_init_pid("vm:101");
    assert_string_equal(status_of(f), "inmigrate");
    agent_verbs_start(f->agent, f->guest);
    assert_int_not_equal(vm_agent_init_pid("vm:101"), pid);
    wait_for_words(f, "VM-UP", 1);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(vm_never_started_does_not_run),
        WITH_FIXTURE(vm_started_runs_in_its_own_group),
        WITH_FIXTURE(vm_started_inherits_nothing),
        WITH_FIXTURE(vm_running_start_changes_nothing),
        WITH_FIXTURE(vm_without_an_agent_cannot_be_asked),
        WITH_FIXTURE(vm_whose_agent_never_came_counts_as_booting),
        WITH_FIXTURE(vm_that_hangs_is_known_by_its_agent_only),
        WITH_FIXTURE(vm_agent_is_understood_whatever_stands_in_the_line),
        WITH_FIXTURE(vm_stop_presses_the_power_button),
        WITH_FIXTURE(vm_stop_without_answer_is_hard_after_the_time),
        WITH_FIXTURE(vm_stop_of_a_stopped_one_is_fine),
        WITH_FIXTURE(vm_stop_of_a_frozen_one_leaves_nothing),
        WITH_FIXTURE(vm_kill_needs_only_its_name),
        WITH_FIXTURE(vm_that_died_starts_again_and_counts_on),
        WITH_FIXTURE(vm_disk_in_use_cannot_be_started_twice),
        WITH_FIXTURE(vm_without_its_volume_says_which),
        WITH_FIXTURE(vm_with_an_unknown_storage_says_which),
        WITH_FIXTURE(vm_that_qemu_refuses_has_its_words),
        WITH_FIXTURE(vm_with_kvm_where_it_does_not_work_is_refused_or_runs),
        WITH_FIXTURE(vm_of_another_node_is_not_started),
        WITH_FIXTURE(vm_moved_offline_is_stopped_and_given_away),
        WITH_FIXTURE(vm_stopped_is_given_away_as_it_is),
        WITH_FIXTURE(vm_is_not_given_away_without_the_lease),
        WITH_FIXTURE(vm_on_a_storage_of_one_node_is_not_moved),
        WITH_FIXTURE(vm_sent_but_not_given_away_goes_on_here),
        WITH_FIXTURE(vm_sent_and_given_away_does_not_go_on_here),
        WITH_FIXTURE(vm_sent_does_not_go_on_while_the_store_is_away),
        WITH_FIXTURE(vm_received_and_named_goes_on),
        WITH_FIXTURE(vm_received_of_another_move_is_dropped),
        WITH_FIXTURE(vm_that_still_waits_to_receive_is_dropped),
    };
    if (access("/usr/bin/" VM_PROGRAM, X_OK) < 0) {
        (void)puts("1..0 # SKIP " VM_PROGRAM " is not installed (package qemu-system-x86)");
        return 0;
    }
    if (getenv("VM_GUEST") == NULL) {
        (void)puts("1..0 # SKIP VM_GUEST does not name the guest's file (vm_guest.elf)");
        return 0;
    }
    (void)signal(SIGCHLD, SIG_IGN); // a worker would have ended long before its QEMU
    return cmocka_run_group_tests(tests, NULL, NULL);
}

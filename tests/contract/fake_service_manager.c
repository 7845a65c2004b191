// SPDX-License-Identifier: Apache-2.0
// The manager is one process with a loop; its unit is "sleep".
#include "tests/contract/fake_service_manager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cgroup.h"
#include "common/host/file.h"

#define BUS_NAME  "org.freedesktop.systemd1"
#define BUS_PATH  "/org/freedesktop/systemd1"
#define UNIT_PATH BUS_PATH "/unit/one_2eservice"
#define NONE_PATH BUS_PATH "/unit/none_2eservice"

struct manager {
    sd_bus *bus;
    const char *mode_file;
    const char *group; // folder
    pid_t pid;         // 0: none
    const char *active;
    const char *sub;
    const char *result;
    int32_t status;
    uint32_t job; // of the job that waits, 0: none
    bool stopping;
    uint32_t jobs;
};

static bool behaves(const struct manager *m, const char *word)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *text = NULL;
    size_t size = 0;
    return file_read(arena, m->mode_file, 4096, &text, &size, NULL) == 0 &&
           strstr(text, word) != NULL;
}

static char *job_path(struct arena *arena, uint32_t job)
{
    return arena_printf(arena, BUS_PATH "/job/%u", job);
}

static void job_ends(struct manager *m, const char *result)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (m->job != 0 && !behaves(m, "silent")) {
        (void)sd_bus_emit_signal(m->bus, BUS_PATH, BUS_NAME ".Manager", "JobRemoved", "uoss",
                                 m->job, job_path(arena, m->job), FAKE_UNIT, result);
    }
    m->job = 0;
}

static void changed(struct manager *m)
{
    (void)sd_bus_emit_properties_changed(m->bus, UNIT_PATH, BUS_NAME ".Unit", "ActiveState",
                                         "SubState", NULL);
}

// Returns when the process is in its group and is what it shall be.
static pid_t run_sleep(const struct manager *m, const char *seconds, bool stubborn)
{
    int fds[2] = {-1, -1};
    char c = 0;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (cgroup_enter(m->group, NULL) < 0) {
            _exit(2);
        }
        (void)signal(SIGTERM, stubborn ? SIG_IGN : SIG_DFL);
        (void)execlp("sleep", "sleep", seconds, (char *)NULL);
        _exit(2);
    }
    (void)close(fds[1]);
    ssize_t n = read(fds[0], &c, 1); // the other side closes with exec
    (void)n;
    (void)close(fds[0]);
    return pid;
}

static void unit_begin(struct manager *m)
{
    m->status = 0;
    m->result = "success";
    if (behaves(m, "dead")) {
        m->active = "failed";
        m->sub = "failed";
        m->result = "resources";
        job_ends(m, "failed");
        return;
    }
    (void)mkdir(m->group, 0755);
    m->pid = run_sleep(m, behaves(m, "fail") ? "x" : "100000", behaves(m, "stubborn"));
    if (behaves(m, "leave")) {
        (void)run_sleep(m, "100001", true);
    }
    m->active = "active";
    m->sub = "running";
    job_ends(m, "done");
    changed(m);
}

static void unit_ended(struct manager *m, int status)
{
    bool fine = m->stopping || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
    m->pid = 0;
    m->active = fine ? "inactive" : "failed";
    m->sub = fine ? "dead" : "failed";
    m->result = fine ? "success" : WIFSIGNALED(status) ? "signal" : "exit-code";
    m->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    (void)rmdir(m->group);
    if (m->stopping) {
        job_ends(m, "done");
    }
    m->stopping = false;
    changed(m);
}

// --- Methods. ---

static int on_load(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    const char *unit = NULL;
    (void)userdata;
    (void)error;
    int r = sd_bus_message_read(message, "s", &unit);
    return r < 0 ? r
                 : sd_bus_reply_method_return(message, "o",
                                              strcmp(unit, FAKE_UNIT) == 0 ? UNIT_PATH : NONE_PATH);
}

static int on_start(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct manager *m = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    (void)error;
    m->job = ++m->jobs;
    int r = sd_bus_reply_method_return(message, "o", job_path(arena, m->job));
    if (m->pid == 0) {
        unit_begin(m);
    } else {
        job_ends(m, "done");
    }
    return r;
}

static int on_stop(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct manager *m = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *unit = NULL;
    int r = sd_bus_message_read(message, "s", &unit);
    if (r < 0) {
        return r;
    }
    if (strcmp(unit, FAKE_UNIT) != 0) {
        return sd_bus_error_setf(error, BUS_NAME ".NoSuchUnit", "Unit %s not loaded.", unit);
    }
    m->job = ++m->jobs;
    r = sd_bus_reply_method_return(message, "o", job_path(arena, m->job));
    if (m->pid > 0) {
        m->stopping = true;
        m->active = "deactivating";
        m->sub = "stop-sigterm";
        (void)kill(m->pid, SIGTERM);
    } else {
        m->active = "inactive";
        m->sub = "dead";
        job_ends(m, "done");
    }
    return r;
}

static int on_kill(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    const struct manager *m = userdata;
    const char *unit = NULL;
    const char *who = NULL;
    int32_t signo = 0;
    (void)error;
    int r = sd_bus_message_read(message, "ssi", &unit, &who, &signo);
    if (r >= 0 && signo == SIGKILL && access(m->group, F_OK) == 0) {
        ignore_result(cgroup_kill(m->group, NULL)); // the agent looks for itself
    }
    return r < 0 ? r : sd_bus_reply_method_return(message, "");
}

static int on_nothing(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    (void)userdata;
    (void)error;
    return sd_bus_reply_method_return(message, "");
}

// --- Properties. ---

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                    sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    const struct manager *m = userdata;
    bool none = strcmp(path, NONE_PATH) == 0;
    const char *text = "";
    (void)bus;
    (void)interface;
    (void)error;
    if (strcmp(property, "LoadState") == 0) {
        text = none ? "not-found" : behaves(m, "masked") ? "masked" : "loaded";
    } else if (strcmp(property, "ActiveState") == 0) {
        text = none ? "inactive" : m->active;
    } else if (strcmp(property, "SubState") == 0) {
        text = none ? "dead" : m->sub;
    } else if (strcmp(property, "UnitFileState") == 0) {
        text = none ? "" : behaves(m, "enabled") ? "enabled" : "disabled";
    } else if (strcmp(property, "Result") == 0) {
        text = m->result;
    } else if (strcmp(property, "Slice") == 0) {
        text = none ? "" : "fake.slice";
    } else if (strcmp(property, "ControlGroup") == 0) {
        text = none || m->pid == 0 ? "" : FAKE_UNIT_GROUP;
    }
    return sd_bus_message_append(reply, "s", text);
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    const struct manager *m = userdata;
    (void)bus;
    (void)interface;
    (void)error;
    bool none = strcmp(path, NONE_PATH) == 0;
    if (strcmp(property, "MainPID") == 0) {
        return sd_bus_message_append(reply, "u", none ? 0U : (uint32_t)m->pid);
    }
    if (strcmp(property, "ExecMainStatus") == 0) {
        return sd_bus_message_append(reply, "i", m->status);
    }
    return sd_bus_message_append(reply, "t", (uint64_t)20 * 1000 * 1000);
}

static int get_job(sd_bus *bus, const char *path, const char *interface, const char *property,
                   sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct manager *m = userdata;
    (void)bus;
    (void)interface;
    (void)property;
    (void)error;
    uint32_t job = strcmp(path, NONE_PATH) == 0 ? 0 : m->job;
    return sd_bus_message_append(reply, "(uo)", job, job_path(arena, job));
}

static int get_array(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    (void)bus;
    (void)path;
    (void)interface;
    (void)property;
    (void)userdata;
    (void)error;
    return sd_bus_message_append(reply, "as", 2, "a.service", "b.service");
}

static const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("LoadUnit", "s", "o", on_load, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("StartUnit", "ss", "o", on_start, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("StopUnit", "ss", "o", on_stop, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("KillUnit", "ssi", "", on_kill, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ResetFailedUnit", "s", "", on_nothing, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Subscribe", "", "", on_nothing, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable unit_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("LoadState", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("ActiveState", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("SubState", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("UnitFileState", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Before", "as", get_array, 0, 0), // to be passed over
    SD_BUS_PROPERTY("Job", "(uo)", get_job, 0, 0),
    SD_BUS_VTABLE_END,
};

static const sd_bus_vtable service_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Result", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("Slice", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("ControlGroup", "s", get_text, 0, 0),
    SD_BUS_PROPERTY("MainPID", "u", get_number, 0, 0),
    SD_BUS_PROPERTY("ExecMainStatus", "i", get_number, 0, 0),
    SD_BUS_PROPERTY("TimeoutStartUSec", "t", get_number, 0, 0),
    SD_BUS_PROPERTY("TimeoutStopUSec", "t", get_number, 0, 0),
    SD_BUS_VTABLE_END,
};

static int manager_serve(struct manager *m)
{
    static const char *const paths[] = {UNIT_PATH, NONE_PATH};
    int r = sd_bus_open_system(&m->bus);
    if (r >= 0) {
        r = sd_bus_add_object_vtable(m->bus, NULL, BUS_PATH, BUS_NAME ".Manager", manager_vtable,
                                     m);
    }
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(paths); i++) {
        r = sd_bus_add_object_vtable(m->bus, NULL, paths[i], BUS_NAME ".Unit", unit_vtable, m);
        if (r >= 0) {
            r = sd_bus_add_object_vtable(m->bus, NULL, paths[i], BUS_NAME ".Service",
                                         service_vtable, m);
        }
    }
    return r >= 0 ? sd_bus_request_name(m->bus, BUS_NAME, 0) : r;
}

NORETURN static void manager_main(struct manager *m, int ready_fd)
{
    int status = 0;
    int r = manager_serve(m);
    if (r < 0) {
        (void)fprintf(stderr, "fake service manager: %s\n", strerror(-r));
        _exit(1);
    }
    (void)write(ready_fd, "x", 1);
    (void)close(ready_fd);
    for (;;) {
        pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended > 0 && ended == m->pid) {
            unit_ended(m, status);
        }
        r = sd_bus_process(m->bus, NULL);
        if (r < 0) {
            _exit(1);
        }
        if (r == 0) {
            (void)sd_bus_wait(m->bus, 20000);
        }
    }
}

// --- The test's side. ---

static bool daemon_answers(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || length >= sizeof(name.sun_path)) {
        return false;
    }
    (void)memcpy(name.sun_path, path, length);
    bool answers = connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;
    (void)close(fd);
    return answers;
}

static int daemon_start(struct arena *arena, const char *folder, const char *address,
                        struct error *err)
{
    const char *config = arena_printf(arena, "%s/bus.conf", folder);
    const char *text =
        arena_printf(arena,
                     "<busconfig><type>system</type><listen>%s</listen><policy context=\"default\">"
                     "<allow own=\"*\"/><allow send_destination=\"*\" eavesdrop=\"true\"/>"
                     "<allow receive_sender=\"*\"/><allow user=\"*\"/></policy></busconfig>\n",
                     address);
    const char *argument = arena_printf(arena, "--config-file=%s", config);
    int r = file_replace(config, text, strlen(text), 0644, err);
    if (r < 0) {
        return r;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("dbus-daemon", "dbus-daemon", argument, "--nofork", "--nosyslog",
                     (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1000; i++) {
        if (daemon_answers(strchr(address, '=') + 1)) {
            return 0;
        }
        if (waitpid(pid, NULL, WNOHANG) != 0) {
            break;
        }
        (void)usleep(10000);
    }
    return error_set(err, -ENOENT, "no D-Bus daemon can be run here");
}

int fake_service_manager_start(const char *folder, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *address = arena_printf(arena, "unix:path=%s/bus", folder);
    static const char *const roots[] = {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"};
    const char *root = access(roots[0], F_OK) == 0 ? roots[0] : roots[1];
    int fds[2];
    int r = file_make_directory(folder, 0755, err);
    if (r == 0) {
        r = daemon_start(arena, folder, address, err);
    }
    if (r < 0) {
        return r;
    }
    if (setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1) < 0 || pipe2(fds, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "cannot start the fake service manager");
    }
    (void)mkdir(arena_printf(arena, "%s/fake.slice", root), 0755);
    struct manager manager = {
        .mode_file = arena_printf(arena, "%s/mode", folder),
        .group = arena_printf(arena, "%s" FAKE_UNIT_GROUP, root),
        .active = "inactive",
        .sub = "dead",
        .result = "success",
    };
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(fds[0]);
        manager_main(&manager, fds[1]);
    }
    char c = 0;
    (void)close(fds[1]);
    ssize_t n = read(fds[0], &c, 1);
    (void)close(fds[0]);
    return n == 1 ? 0 : error_set(err, -EIO, "the fake service manager does not start");
}

void fake_service_manager_behave(const char *folder, const char *words)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    ignore_result(
        file_replace(arena_printf(arena, "%s/mode", folder), words, strlen(words), 0644, NULL));
}

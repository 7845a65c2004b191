// SPDX-License-Identifier: Apache-2.0
// ha-guest: the guests that can be put under HA, and the storages they lie on. This file is the
// table of its commands.
#include <stdint.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_template.h"
#include "cli/guest_tool.h"
#include "cli/tool_context.h"
#include "common/model/sid.h"
#include "common/model/storage.h"

#define PARAM_SID                                                                                  \
    {                                                                                              \
        .name = "sid", .positional = true, .required = true, .check = cluster_view_check_sid,      \
        .about = "guest such as ct:100, or its number"                                             \
    }
#define PARAM_STORAGE                                                                              \
    {                                                                                              \
        .name = "storage", .positional = true, .required = true, .check = config_id_check,         \
        .about = "name of the storage"                                                             \
    }
#define PARAM_END                                                                                  \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const char *const templates[] = {GUEST_TEMPLATE_BUSYBOX, NULL};

#define PARAMS_MACHINE                                                                             \
    {.name = "name", .about = "vm: its name (default: vm and its number)"},                        \
        {.name = "sockets",                                                                        \
         .value = "N",                                                                             \
         .about = "vm: processors (default: 1), each with cores"},                                 \
        {.name = "scsi0",                                                                          \
         .numbered = true,                                                                         \
         .value = "volume",                                                                        \
         .about = "vm: scsi0 to scsi30: STORAGE:GiB makes a disk, STORAGE:VOLUME takes one"},      \
        {.name = "virtio0",                                                                        \
         .numbered = true,                                                                         \
         .value = "volume",                                                                        \
         .about = "vm: virtio0 to virtio15, likewise"},                                            \
        {.name = "sata0",                                                                          \
         .numbered = true,                                                                         \
         .value = "volume",                                                                        \
         .about = "vm: sata0 to sata5, likewise"},                                                 \
        {.name = "ide0",                                                                           \
         .numbered = true,                                                                         \
         .value = "volume",                                                                        \
         .about = "vm: ide0 to ide3, likewise; \",media=cdrom\" is a disc"},                       \
        {.name = "net0",                                                                           \
         .numbered = true,                                                                         \
         .value = "model",                                                                         \
         .about = "net0 to net31: vm: such as virtio,bridge=vmbr0; ct: such as "                   \
                  "bridge=vmbr0,ip=10.0.0.5/24"},                                                  \
        {.name = "boot", .value = "order", .about = "vm: such as order=scsi0;net0"},               \
        {.name = "kernel", .value = "path", .about = "vm: boots this kernel"},                     \
        {.name = "initrd", .value = "path", .about = "vm: with this initial file system"},         \
        {.name = "append", .value = "text", .about = "vm: and this command line"},                 \
        {.name = "kvm",                                                                            \
         .type = CLI_TYPE_BOOL,                                                                    \
         .about = "vm: 1 insists on KVM, 0 does without (default: if it works)"},                  \
        {.name = "cpu", .value = "model", .about = "vm: processor model of QEMU"},                 \
        {.name = "machine", .value = "type", .about = "vm: pc (default) or q35"},                  \
        {.name = "vga", .value = "type", .about = "vm: std (default), none, …"},                   \
        {.name = "scsihw", .value = "type", .about = "vm: virtio-scsi-pci (default) or lsi"},      \
        {.name = "serial0", .value = "socket", .about = "vm: a serial port"},                      \
        {.name = "agent", .value = "0|1", .about = "vm: QEMU's guest agent runs inside"},          \
        {.name = "args", .value = "words", .about = "vm: further options of QEMU"},                \
        {.name = "uuid", .about = "vm: its identity (default: random)"},                           \
        {.name = "onboot", .type = CLI_TYPE_BOOL, .about = "accepted; HA decides what runs"},      \
        {.name = "migrate_downtime",                                                               \
         .value = "seconds",                                                                       \
         .about = "vm: how long a live move may stop it (default: 0.3)"},                          \
    {                                                                                              \
        .name = "migrate_speed", .value = "MiB/s", .about = "vm: bandwidth of a live move"         \
    }

#define PARAMS_CONTAINER                                                                           \
    {.name = "mp0",                                                                                \
     .numbered = true,                                                                             \
     .value = "volume",                                                                            \
     .about = "ct: mp0 to mp255, such as shared:data,mp=/data; STORAGE:GiB makes a folder"},       \
        {.name = "swap", .value = "MiB", .about = "ct: limit of its swap space, with memory"},     \
        {.name = "cpulimit",                                                                       \
         .value = "N",                                                                             \
         .about = "ct: limit of its processor time, such as 0.5"},                                 \
        {.name = "cpuunits", .value = "N", .about = "ct: its weight when processors are scarce"},  \
        {.name = "features", .value = "list", .about = "ct: such as nesting=1,fuse=1"},            \
        {.name = "nameserver", .value = "list", .about = "ct: what its resolver asks"},            \
        {.name = "searchdomain", .value = "list", .about = "ct: and looks in"},                    \
        {.name = "unprivileged",                                                                   \
         .type = CLI_TYPE_BOOL,                                                                    \
         .about = "ct: its root is a user without rights on the node"},                            \
        {.name = "arch", .about = "ct: its architecture, such as amd64 or i386"},                  \
        {.name = "protection", .type = CLI_TYPE_BOOL, .about = "it cannot be destroyed"},          \
        {.name = "ostype", .about = "kept, without effect"},                                       \
        {.name = "startup", .about = "kept, without effect"},                                      \
    {                                                                                              \
        .name = "tags", .value = "list", .about = "kept, without effect"                           \
    }

#define PARAMS_GUEST                                                                               \
    {.name = "hostname", .about = "its host name"},                                                \
        {.name = "memory", .value = "MiB", .about = "limit of its memory; vm: its memory"},        \
        {.name = "cores",                                                                          \
         .value = "N",                                                                             \
         .about = "limit of its processor time; vm: cores of a processor"},                        \
        {.name = "bridge", .about = "bridge on the nodes that its eth0 is connected to"},          \
        {.name = "hwaddr", .about = "hardware address of eth0"},                                   \
        {.name = "address", .value = "CIDR", .about = "address of eth0, such as 10.0.0.5/24"},     \
        {.name = "gateway", .value = "IP", .about = "its default gateway"},                        \
        {.name = "init", .value = "path", .about = "program it starts (default: /sbin/init)"},     \
        {.name = "halt-signal",                                                                    \
         .value = "signal",                                                                        \
         .about = "what asks init to end (default: SIGPWR)"},                                      \
        {.name = "nesting", .type = CLI_TYPE_BOOL, .about = "may run containers itself"},          \
    {                                                                                              \
        .name = "description", .about = "free text"                                                \
    }

static const struct cli_param params_create[] = {
    PARAM_SID,
    {.name = "template",
     .type = CLI_TYPE_CHOICE,
     .choices = templates,
     .fallback = GUEST_TEMPLATE_BUSYBOX,
     .about = "what its root file system is made from"},
    {.name = "storage",
     .check = config_id_check,
     .fallback = STORAGE_LOCAL,
     .about = "where its root file system is made"},
    {.name = "rootfs",
     .value = "volume",
     .about = "use this root file system: STORAGE:VOLUME, or a path that is the same on all nodes"},
    PARAMS_GUEST,
    PARAMS_CONTAINER,
    PARAMS_MACHINE,
    PARAM_END,
};

static const struct cli_param params_set[] = {
    PARAM_SID,
    PARAMS_GUEST,
    PARAMS_CONTAINER,
    PARAMS_MACHINE,
    {.name = "delete", .value = "list", .about = "options to take away"},
    PARAM_END,
};

static const struct cli_param params_sid[] = {PARAM_SID, PARAM_END};

#define PARAM_WAIT                                                                                 \
    {                                                                                              \
        .name = "wait", .type = CLI_TYPE_BOOL,                                                     \
        .about = "under HA: wait until the master has answered"                                    \
    }

#define PARAM_TIMEOUT(min_s, fallback_s, words)                                                    \
    {                                                                                              \
        .name = "timeout", .type = CLI_TYPE_INT, .min = (min_s), .max = INT32_MAX,                 \
        .fallback = (fallback_s), .value = "seconds", .about = (words)                             \
    }

static const struct cli_param params_stop[] = {
    PARAM_SID,
    PARAM_TIMEOUT(0, "0", "ask it to end first, and so long"),
    PARAM_WAIT,
    PARAM_END,
};

static const struct cli_param params_shutdown[] = {
    PARAM_SID,
    PARAM_TIMEOUT(1, "60", "then it is stopped hard"),
    PARAM_WAIT,
    PARAM_END,
};

static const struct cli_param params_reboot[] = {
    PARAM_SID,
    PARAM_TIMEOUT(1, "60", "then it is stopped hard, or under HA goes on"),
    PARAM_END,
};

#define PARAM_NODE                                                                                 \
    {                                                                                              \
        .name = "node", .positional = true, .required = true, .about = "where to"                  \
    }

static const struct cli_param params_migrate[] = {
    PARAM_SID,
    PARAM_NODE,
    {.name = "online",
     .type = CLI_TYPE_BOOL,
     .about = "accepted: a machine under HA always moves while it runs"},
    PARAM_WAIT,
    PARAM_END,
};

static const struct cli_param params_relocate[] = {PARAM_SID, PARAM_NODE, PARAM_WAIT, PARAM_END};

static const struct cli_param params_clone[] = {
    PARAM_SID,
    {.name = "newid",
     .positional = true,
     .required = true,
     .about = "number of the new guest, or ct:101"},
    {.name = "name", .about = "its name"},
    {.name = "storage",
     .check = config_id_check,
     .about = "where its volumes will be (default: where those of the original are)"},
    PARAM_END,
};

static const struct cli_param params_import[] = {
    {.name = "file", .positional = true, .required = true, .about = "such as /path/100.conf"},
    {.name = "sid", .about = "what the guest will be called (default: by the file's name)"},
    {.name = "node", .about = "where it is (default: this node)"},
    {.name = "storage",
     .value = "map",
     .about = "what storages are called here: THERE=HERE, several separated by commas; a name "
              "alone stands for all"},
    {.name = "dry-run",
     .type = CLI_TYPE_BOOL,
     .about = "only show the definition that would come of it"},
    PARAM_END,
};

static const struct cli_param params_exec[] = {
    PARAM_SID,
    {.name = "command",
     .positional = true,
     .required = true,
     .many = true,
     .about = "program and its arguments, behind --"},
    PARAM_END,
};

static const struct cli_param params_destroy[] = {
    PARAM_SID,
    {.name = "purge", .type = CLI_TYPE_BOOL, .about = "also take it out of HA and its rules"},
    PARAM_END,
};

static const char *const storage_types[] = {"dir", "nfs", NULL};
static const char *const storage_losses[] = {"move", "keep", "stop", NULL};

#define PARAMS_STORAGE                                                                             \
    {.name = "path",                                                                               \
     .check = storage_check_path,                                                                  \
     .about = "dir: the folder; nfs: where it is mounted (default: " STORAGE_MOUNT_FOLDER "/ID)"}, \
        {.name = "shared",                                                                         \
         .type = CLI_TYPE_BOOL,                                                                    \
         .about = "dir: all nodes see the same files there"},                                      \
        {.name = "mountpoint",                                                                     \
         .type = CLI_TYPE_BOOL,                                                                    \
         .about = "dir: it is there only while something is mounted on the path"},                 \
        {.name = "server", .about = "nfs: name or address of the server"},                         \
        {.name = "export", .check = storage_check_path, .about = "nfs: the folder it exports"},    \
        {.name = "options", .value = "list", .about = "nfs: options for mount"},                   \
        {.name = "nodes", .value = "list", .about = "the only nodes that have it"},                \
        {.name = "on-loss",                                                                        \
         .type = CLI_TYPE_CHOICE,                                                                  \
         .choices = storage_losses,                                                                \
         .about = "what becomes of services on a node that has lost it"},                          \
        {.name = "disable", .type = CLI_TYPE_BOOL, .about = "do not mount it, do not look at it"}, \
    {                                                                                              \
        .name = "content", .value = "list", .about = "accepted and ignored", .hidden = true        \
    }

static const struct cli_param params_storage_add[] = {
    PARAM_STORAGE,
    {.name = "type",
     .type = CLI_TYPE_CHOICE,
     .choices = storage_types,
     .fallback = "dir",
     .about = "what it is"},
    PARAMS_STORAGE,
    PARAM_END,
};

static const struct cli_param params_storage_set[] = {PARAM_STORAGE, PARAMS_STORAGE, PARAM_END};

static const struct cli_param params_storage_status[] = {
    {.name = "storage", .positional = true, .check = config_id_check, .about = "only this storage"},
    PARAM_END,
};

static const struct cli_param params_storage[] = {PARAM_STORAGE, PARAM_END};

static const struct cli_command commands[] = {
    {.name = "cancel-move",
     .about = "cancel a live move; the guest goes on where it is",
     .params = params_sid,
     .run = guest_cancel_move},
    {.name = "clone",
     .about = "a new guest with copies of a stopped one's volumes",
     .params = params_clone,
     .run = guest_clone_run},
    {.name = "config",
     .about = "show a guest's definition",
     .params = params_sid,
     .output = true,
     .run = guest_config},
    {.name = "console",
     .about = "a shell in a container, the serial port of a machine",
     .params = params_sid,
     .run = guest_console},
    {.name = "create",
     .about = "define a container or machine on this node and make its volumes",
     .params = params_create,
     .run = guest_create},
    {.name = "destroy",
     .about = "remove a stopped guest and its volumes",
     .params = params_destroy,
     .run = guest_destroy},
    {.name = "exec",
     .about = "run a program inside a guest; its exit status is passed on",
     .params = params_exec,
     .run = guest_exec},
    {.name = "import",
     .about = "define a guest by an existing configuration file",
     .params = params_import,
     .run = guest_import},
    {.name = "list", .about = "all guests", .output = true, .run = guest_list},
    {.name = "migrate",
     .about = "move a guest: under HA by asking the cluster, else it must be stopped",
     .params = params_migrate,
     .output = true,
     .run = guest_migrate},
    {.name = "reboot",
     .about = "stop a guest gracefully and start it again, where it is",
     .params = params_reboot,
     .run = guest_reboot},
    {.name = "relocate",
     .about = "move a guest by stopping and starting it, likewise",
     .params = params_relocate,
     .output = true,
     .run = guest_relocate},
    {.name = "set",
     .about = "change a guest's definition; it counts from the next start on",
     .params = params_set,
     .run = guest_set},
    {.name = "shutdown",
     .about = "ask a guest to end, and stop it after the time",
     .params = params_shutdown,
     .output = true,
     .run = guest_shutdown},
    {.name = "start",
     .about = "start a guest: under HA by asking the cluster, else on this node",
     .params = params_sid,
     .run = guest_start},
    {.name = "stop",
     .about = "stop a guest at once, likewise",
     .params = params_stop,
     .output = true,
     .run = guest_stop},
    {.name = "storage add",
     .about = "define a storage",
     .params = params_storage_add,
     .run = guest_storage_add},
    {.name = "storage list", .about = "all storages", .output = true, .run = guest_storage_list},
    {.name = "storage remove",
     .about = "forget a storage; its files stay",
     .params = params_storage,
     .run = guest_storage_remove},
    {.name = "storage set",
     .about = "change a storage's definition",
     .params = params_storage_set,
     .run = guest_storage_set},
    {.name = "storage status",
     .about = "how the nodes find their storages",
     .params = params_storage_status,
     .output = true,
     .run = guest_storage_status},
    {.name = "unlock",
     .about = "take away the lock that an interrupted operation left",
     .params = params_sid,
     .run = guest_unlock},
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "ha-guest",
    .about = "Defines guests and the storages they lie on; starts and stops them.",
    .commands = commands,
    .complete = tool_context_complete,
};

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}

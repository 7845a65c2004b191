// SPDX-License-Identifier: Apache-2.0
// The single examinations. Each adds a row for every problem, or one that says that all is well.
#include "cli/check_rows.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/host/udp_probe.h"

enum {
    CLOCK_USUAL_S = 2,
    LATENCY_USUAL_US = 5000,
    NODES_USUAL = 32,
    DISK_LOW_PERCENT = 10,
    DISK_FULL_MIB = 64,
    MARGIN_LOW_MS = 100,
    FENCE_TEST_S = 7 * 24 * 3600,
};

const char *check_level_text(enum check_level level)
{
    switch (level) {
    case CHECK_LEVEL_OK:
        return "ok";
    case CHECK_LEVEL_WARNING:
        return "warning";
    case CHECK_LEVEL_ERROR:
        return "error";
    }
    return "";
}

PRINTF_LIKE(5, 6)
static void row_add(struct check_rows *rows, enum check_level level, const char *subject,
                    const char *remedy, const char *format, ...)
{
    if (rows->count == CHECK_ROWS_MAX) {
        return;
    }
    va_list args;
    va_start(args, format);
    rows->rows[rows->count++] = (struct check_row){
        .level = level,
        .subject = subject,
        .words = arena_vprintf(rows->arena, format, args),
        .remedy = remedy,
    };
    va_end(args);
}

// ---- Reading documents; what is missing or of another type is as good as nothing.

static int64_t number_of(const struct json *object, const char *key)
{
    int64_t value = 0;
    ignore_result(json_get_int_if(object, key, INT64_MIN, INT64_MAX, &value, NULL));
    return value;
}

static bool truth_of(const struct json *object, const char *key)
{
    bool value = false;
    ignore_result(json_get_bool_if(object, key, &value, NULL));
    return value;
}

static size_t list_count(const struct json *list)
{
    return list != NULL && list->type == JSON_TYPE_ARRAY ? list->count : 0;
}

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_find_string(object, key);
    return text != NULL ? text : "";
}

static const struct json *object_of(const struct json *object, const char *key)
{
    const struct json *value = json_find(object, key);
    return value != NULL && value->type == JSON_TYPE_OBJECT ? value : NULL;
}

// ---- The cluster.

static void check_name(struct check_rows *rows, const struct check_input *in)
{
    if (strcmp(in->node, in->host) != 0) {
        row_add(rows, CHECK_LEVEL_ERROR, "name",
                "set the host name back: a member cannot be renamed (delete-node, leave and join "
                "make it another one)",
                "this machine is called '%s', but it is node '%s' of the cluster", in->host,
                in->node);
    }
}

// How many nodes may fail and the rest is a quorum; the ones with the most votes first. −1: it is
// none now.
static int64_t nodes_to_spare(const struct check_input *in, int64_t votes, int64_t quorum)
{
    int64_t spare = -1;
    int64_t most = 1;
    int64_t online = 0;
    for (size_t i = 0; i < list_count(in->members); i++) {
        int64_t own = number_of(in->members->items[i], "votes");
        bool is_online = truth_of(in->members->items[i], "online");
        most = is_online && own > most ? own : most;
        online += is_online ? 1 : 0;
    }
    for (; votes >= quorum && spare < online; votes -= most) {
        spare++;
    }
    return spare;
}

static void check_quorum(struct check_rows *rows, const struct check_input *in)
{
    int64_t votes = number_of(in->status, "total_votes");
    int64_t quorum = number_of(in->status, "quorum");
    int64_t expected = number_of(in->status, "expected_votes");
    int64_t spare = nodes_to_spare(in, votes, quorum);
    if (!truth_of(in->status, "quorate")) {
        row_add(rows, CHECK_LEVEL_ERROR, "quorum",
                "bring nodes back; only when all others are certainly off: 'ha-cluster expected'",
                "%" PRId64 " of %" PRId64 " votes, %" PRId64 " are needed: nothing is started or "
                "changed",
                votes, expected, quorum);
    } else if (spare < 1) {
        row_add(rows, CHECK_LEVEL_WARNING, "quorum",
                "bring nodes back, add one, or set up a quorum device",
                "%" PRId64 " of %" PRId64 " votes, quorum %" PRId64 ": no node may fail", votes,
                expected, quorum);
    } else {
        row_add(rows, CHECK_LEVEL_OK, "quorum", NULL,
                "%" PRId64 " of %" PRId64 " votes, quorum %" PRId64 ": %" PRId64 " node%s may fail",
                votes, expected, quorum, spare, spare == 1 ? "" : "s");
    }
    if (truth_of(in->status, "forced")) {
        row_add(rows, CHECK_LEVEL_WARNING, "quorum",
                "bring the others back, or take them out with 'ha-cluster delete-node'",
                "fewer votes are expected than the nodes have, by an operator's word");
    }
}

static void check_nodes(struct check_rows *rows, const struct check_input *in)
{
    size_t count = list_count(in->members);
    size_t before = rows->count;
    for (size_t i = 0; i < count; i++) {
        const struct json *member = in->members->items[i];
        const char *node = text_of(member, "node");
        if (truth_of(member, "online") && map_has(in->answers, node)) {
            continue;
        }
        if (truth_of(member, "online")) {
            row_add(rows, CHECK_LEVEL_ERROR, "nodes", "look at ha-clusterd's log there",
                    "node '%s' is there and does not answer", node);
        } else if (truth_of(member, "corosync")) {
            row_add(rows, CHECK_LEVEL_ERROR, "nodes", "start ha-clusterd there",
                    "node '%s': Corosync runs, ha-clusterd does not", node);
        } else {
            row_add(rows, CHECK_LEVEL_WARNING, "nodes",
                    "switch it on; if it is gone for good: 'ha-cluster delete-node'",
                    "node '%s' is offline", node);
        }
    }
    if (count > NODES_USUAL) {
        row_add(rows, CHECK_LEVEL_WARNING, "nodes", "make several clusters",
                "%zu nodes: more than %d are not recommended", count, NODES_USUAL);
    }
    if (rows->count == before) {
        row_add(rows, CHECK_LEVEL_OK, "nodes", NULL, "%zu node%s, all there", count,
                count == 1 ? "" : "s");
    }
}

static void check_daemons(struct check_rows *rows, const struct check_input *in)
{
    static const char *const programs[] = {"ha-crm", "ha-lrm"};
    size_t before = rows->count;
    map_each (e, in->answers) {
        const struct json *daemons = object_of(e->value, "daemons");
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
            if (daemons == NULL || !truth_of(daemons, programs[i])) {
                row_add(rows, CHECK_LEVEL_ERROR, "daemons", "start it and look at its log",
                        "node '%s': %s does not run", e->key, programs[i]);
            }
        }
    }
    if (rows->count == before) {
        row_add(rows, CHECK_LEVEL_OK, "daemons", NULL, "ha-crm and ha-lrm run on all nodes");
    }
}

static void check_versions(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    const char *own = text_of(in->status, "version");
    map_each (e, in->answers) {
        const char *version = text_of(e->value, "version");
        if (strcmp(version, own) != 0) {
            row_add(rows, CHECK_LEVEL_WARNING, "versions", "install the same version everywhere",
                    "node '%s' runs version %s, this one %s", e->key, version, own);
        }
        const char *host = text_of(e->value, "hostname");
        if (strcmp(host, e->key) != 0) {
            row_add(rows, CHECK_LEVEL_ERROR, "name", "set its host name back",
                    "node '%s' is called '%s' now: its daemons will not start again", e->key, host);
        }
    }
    if (rows->count == before) {
        row_add(rows, CHECK_LEVEL_OK, "versions", NULL, "%s everywhere", own);
    }
}

static void check_clocks(struct check_rows *rows, const struct check_input *in)
{
    int64_t first = INT64_MAX;
    int64_t last = INT64_MIN;
    const char *behind = "";
    const char *ahead = "";
    map_each (e, in->answers) {
        int64_t wall_s = number_of(e->value, "wall_s");
        if (wall_s < first) {
            first = wall_s;
            behind = e->key;
        }
        if (wall_s > last) {
            last = wall_s;
            ahead = e->key;
        }
    }
    if (in->answers->count == 0) {
        return;
    }
    if (last - first > CLOCK_USUAL_S) {
        row_add(rows, CHECK_LEVEL_WARNING, "clocks", "synchronise them (chrony, systemd-timesyncd)",
                "the clock of '%s' is %" PRId64 " s ahead of that of '%s'; leases do not depend on "
                "it, what is shown does",
                ahead, last - first, behind);
    } else {
        row_add(rows, CHECK_LEVEL_OK, "clocks", NULL, "at most %" PRId64 " s apart", last - first);
    }
}

// ---- Network.

static void check_links(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    size_t seen = 0;
    int64_t slowest_us = 0;
    map_each (e, in->answers) {
        const struct json *links = json_find(e->value, "links");
        for (size_t i = 0; i < list_count(links); i++) {
            const struct json *link = links->items[i];
            int64_t latency_us = number_of(link, "latency_us");
            const char *node = text_of(link, "node");
            if (!truth_of(link, "connected")) {
                // That of a node that is off says nothing new.
                if (map_has(in->answers, node)) {
                    row_add(rows, CHECK_LEVEL_WARNING, "links",
                            "look at the cable, the address and udp port 5405 and above",
                            "link %" PRId64 " from '%s' to '%s' is down", number_of(link, "link"),
                            e->key, node);
                }
                continue;
            }
            seen++;
            slowest_us = latency_us > slowest_us ? latency_us : slowest_us;
            if (latency_us > LATENCY_USUAL_US) {
                row_add(rows, CHECK_LEVEL_WARNING, "links",
                        "use a network of its own for the cluster",
                        "link %" PRId64 " from '%s' to '%s' takes %.1f ms, above %d ms",
                        number_of(link, "link"), e->key, node, (double)latency_us / 1000,
                        LATENCY_USUAL_US / 1000);
            }
        }
    }
    if (rows->count == before) {
        row_add(rows, CHECK_LEVEL_OK, "links", NULL, "%zu up, the slowest takes %.1f ms", seen,
                (double)slowest_us / 1000);
    }
}

static const char *port_remedy(struct check_rows *rows, const struct check_port *port)
{
    switch ((enum udp_answer)port->answer) {
    case UDP_REFUSED:
        return "start Corosync there";
    case UDP_UNREACHABLE:
        return "switch it on; else look at the cable and the address";
    case UDP_FORBIDDEN:
        return arena_printf(rows->arena, "let udp port %u through this node's firewall",
                            port->port);
    case UDP_SILENT:
        return arena_printf(rows->arena,
                            "if it is on: let udp port %u through the firewalls, both ways",
                            port->port);
    case UDP_UNKNOWN:
        break;
    }
    return "use a numeric address";
}

static const char *port_words(const struct check_port *port)
{
    switch ((enum udp_answer)port->answer) {
    case UDP_REFUSED:
        return "the machine is there, nothing listens";
    case UDP_UNREACHABLE:
        return "nobody there has the address";
    case UDP_FORBIDDEN:
        return "this machine may not send there";
    case UDP_SILENT:
        return "nothing comes back: packets are dropped, or it does not answer us";
    case UDP_UNKNOWN:
        break;
    }
    return "not looked at, since it is a name";
}

static void check_ports(struct check_rows *rows, const struct check_input *in)
{
    for (size_t i = 0; i < in->ports_count; i++) {
        const struct check_port *port = &in->ports[i];
        row_add(rows, CHECK_LEVEL_WARNING, "ports", port_remedy(rows, port),
                "node '%s', link %d, udp port %u of %s: %s", port->node, port->link, port->port,
                port->address, port_words(port));
    }
    if (in->ports_count == 0) {
        row_add(rows, CHECK_LEVEL_OK, "ports", NULL,
                "Corosync's packets pass between this node and all others");
    }
}

static void check_conf(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    map_each (e, in->answers) {
        int64_t running = number_of(e->value, "config_version");
        const struct json *file = map_find(in->files, e->key);
        int64_t on_disk = file != NULL ? number_of(file, "config_version") : running;
        if (running != on_disk) {
            row_add(rows, CHECK_LEVEL_WARNING, "corosync.conf",
                    "wait a moment; else 'corosync-cfgtool -R'",
                    "node '%s' runs with version %" PRId64 ", its file has %" PRId64, e->key,
                    running, on_disk);
        } else if (in->stored_version > 0 && on_disk != in->stored_version) {
            row_add(rows, CHECK_LEVEL_WARNING, "corosync.conf",
                    "do not edit it by hand on one node",
                    "node '%s' has version %" PRId64 ", the store %" PRId64, e->key, on_disk,
                    in->stored_version);
        }
    }
    if (rows->count == before && in->answers->count > 0) {
        row_add(rows, CHECK_LEVEL_OK, "corosync.conf", NULL, "version %" PRId64 " everywhere",
                number_of(in->status, "config_version"));
    }
}

// A device that one node has and another has not: at each change of members Corosync waits for it.
static void check_device(struct check_rows *rows, const struct check_input *in)
{
    bool used = false;
    map_each (e, in->answers) {
        used = used || truth_of(e->value, "qdevice");
    }
    map_each (e, in->answers) {
        if (used && !truth_of(e->value, "qdevice")) {
            row_add(rows, CHECK_LEVEL_ERROR, "qdevice", "start corosync-qdevice there",
                    "node '%s' is not connected to the quorum device: each change of members takes "
                    "half a minute",
                    e->key);
        }
    }
}

// ---- What protects.

static void check_watchdogs(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    map_each (e, in->answers) {
        const struct json *watchdog = object_of(e->value, "watchdog");
        if (watchdog == NULL || !truth_of(watchdog, "running")) {
            row_add(rows, CHECK_LEVEL_ERROR, "watchdog", "start ha-watchdogd there",
                    "node '%s': ha-watchdogd does not run, no service is started there", e->key);
        } else if (truth_of(watchdog, "soft")) {
            row_add(rows, CHECK_LEVEL_WARNING, "watchdog",
                    "use a hardware watchdog ('watchdog' in ha-manager.conf)",
                    "node '%s' has the software watchdog only, which does not survive its kernel",
                    e->key);
        }
    }
    if (rows->count == before && in->answers->count > 0) {
        row_add(rows, CHECK_LEVEL_OK, "watchdog", NULL,
                "devices on all nodes, armed and read back");
    }
}

static void check_timing(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    int64_t lease_ms = INT64_MAX;
    int64_t authority_ms = INT64_MAX;
    map_each (e, in->answers) {
        const struct json *timing = object_of(e->value, "timing");
        if (timing == NULL) {
            continue;
        }
        int64_t lease = number_of(timing, "lease_margin_ms");
        int64_t authority = number_of(timing, "authority_margin_ms");
        lease_ms = lease < lease_ms ? lease : lease_ms;
        authority_ms = authority < authority_ms ? authority : authority_ms;
        const char *unsafe = json_find_string(timing, "unsafe");
        if (unsafe != NULL) {
            row_add(rows, CHECK_LEVEL_ERROR, "timing",
                    "set the token of the profile in corosync.conf, see 'ha-cluster timing'",
                    "node '%s': %s", e->key, unsafe);
        }
    }
    if (rows->count > before || in->answers->count == 0) {
        return;
    }
    // That of the lease is what the profile has, unless a watchdog is quicker.
    bool low = authority_ms < MARGIN_LOW_MS;
    row_add(rows, low ? CHECK_LEVEL_WARNING : CHECK_LEVEL_OK, "timing",
            low ? "use a slower profile" : NULL,
            "%s, margins %" PRId64 " ms (no double start) and %" PRId64 " ms (no needless reset)",
            text_of(in->status, "profile"), lease_ms, authority_ms);
}

static void check_fences(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    map_each (e, in->fences) {
        const struct json *test = e->value;
        if (test == NULL) {
            row_add(rows, CHECK_LEVEL_WARNING, "fencing", "'ha-cluster fence test'",
                    "device '%s' was not tested since the cluster started", e->key);
        } else if (!truth_of(test, "passed")) {
            row_add(rows, CHECK_LEVEL_ERROR, "fencing", "'ha-cluster fence test'",
                    "device '%s' failed its last test: %s", e->key, text_of(test, "reason"));
        } else if (in->now_s - number_of(test, "timestamp") > FENCE_TEST_S) {
            row_add(rows, CHECK_LEVEL_WARNING, "fencing", "'ha-cluster fence test'",
                    "device '%s' was tested %" PRId64 " days ago", e->key,
                    (in->now_s - number_of(test, "timestamp")) / (24 * 3600));
        }
    }
    if (rows->count == before) {
        row_add(rows, CHECK_LEVEL_OK, "fencing", NULL,
                in->fences->count > 0 ? "all devices work"
                                      : "no devices: nodes are proven dead by their leases alone");
    }
}

// ---- Data.

static void check_store(struct check_rows *rows, const struct check_input *in)
{
    const char *first = NULL;
    size_t before = rows->count;
    map_each (e, in->answers) {
        const char *sum = text_of(e->value, "checksum");
        first = first == NULL ? sum : first;
        if (strcmp(sum, first) != 0) {
            row_add(rows, CHECK_LEVEL_ERROR, "store",
                    "restart ha-clusterd there: it takes the others' state over",
                    "node '%s' has another state than '%s'", e->key, in->answers->entries[0].key);
        }
    }
    if (rows->count == before && first != NULL) {
        row_add(rows, CHECK_LEVEL_OK, "store", NULL, "the same on %zu node%s", in->answers->count,
                in->answers->count == 1 ? "" : "s");
    }
}

static void check_disks(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    map_each (e, in->answers) {
        int64_t free_mib = number_of(e->value, "disk_free_mib");
        int64_t total_mib = number_of(e->value, "disk_total_mib");
        if (total_mib == 0) {
            continue;
        }
        int64_t percent = free_mib * 100 / total_mib;
        if (free_mib < DISK_FULL_MIB || percent < DISK_LOW_PERCENT) {
            row_add(rows, free_mib < DISK_FULL_MIB ? CHECK_LEVEL_ERROR : CHECK_LEVEL_WARNING,
                    "disk", "make room",
                    "node '%s': %" PRId64 " MiB (%" PRId64 " %%) are free where the store is",
                    e->key, free_mib, percent);
        }
    }
    if (rows->count == before && in->answers->count > 0) {
        row_add(rows, CHECK_LEVEL_OK, "disk", NULL, "room on all nodes");
    }
}

static void check_storages(struct check_rows *rows, const struct check_input *in)
{
    size_t before = rows->count;
    size_t count = 0;
    map_each (e, in->answers) {
        const struct json *storages = json_find(e->value, "storages");
        for (size_t i = 0; i < list_count(storages); i++) {
            const struct json *storage = storages->items[i];
            const char *problem = json_find_string(storage, "problem");
            count++;
            if (problem != NULL) {
                row_add(rows, CHECK_LEVEL_ERROR, "storage", "mount it there, or look at its server",
                        "'%s' on node '%s' (%s): %s", text_of(storage, "storage"), e->key,
                        text_of(storage, "path"), problem);
            }
        }
    }
    if (rows->count == before) {
        row_add(rows, CHECK_LEVEL_OK, "storage", NULL,
                count > 0 ? "all storages answer on all nodes" : "none is defined");
    }
}

void check_rows_make(struct check_rows *rows, const struct check_input *input)
{
    bool is_cluster = strcmp(text_of(input->status, "mode"), "cluster") == 0;
    check_name(rows, input);
    if (is_cluster) {
        check_quorum(rows, input);
        check_nodes(rows, input);
    }
    check_daemons(rows, input);
    check_versions(rows, input);
    if (is_cluster) {
        check_clocks(rows, input);
        check_links(rows, input);
        check_ports(rows, input);
        check_conf(rows, input);
        check_device(rows, input);
    }
    check_watchdogs(rows, input);
    check_timing(rows, input);
    check_fences(rows, input);
    check_store(rows, input);
    check_disks(rows, input);
    check_storages(rows, input);
}

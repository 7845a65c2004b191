// SPDX-License-Identifier: Apache-2.0
// The quorum device: a section of corosync.conf, carried to all members as any other change. Each
// member's ha-clusterd has its service manager start or stop corosync-qdevice when the section
// comes or goes (cluster/qdevice_service.h).
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/conf_change.h"
#include "cli/ha_cluster.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/port/membership.h"

// Made by corosync-qdevice-net-certutil.
#define CERTIFICATES "/etc/corosync/qdevice/net/nssdb/cert9.db"

static int check_all_there(struct arena *arena, const struct session *session, size_t *ret_count,
                           struct error *err)
{
    struct member_list members;
    int r = membership_get(session->membership, arena, &members, err);
    for (size_t i = 0; r == 0 && i < members.count; i++) {
        if (!members.members[i].online) {
            r = error_set(err, -EBUSY,
                          "node '%s' is offline: all nodes must be there, since a vote that only "
                          "some count with could make two clusters",
                          members.members[i].node);
        }
    }
    if (r == 0) {
        *ret_count = members.count;
    }
    return r;
}

static int check_certificates(const char *tls, const char *host, const char *cluster,
                              struct error *err)
{
    if (strcmp(tls, "off") == 0 || access(CERTIFICATES, F_OK) == 0) {
        return 0;
    }
    return error_set(
        err, -ENOENT,
        "this node has no certificate for TLS. Take qnetd-cacert.crt from '%s' to all "
        "nodes and run 'corosync-qdevice-net-certutil -i -c qnetd-cacert.crt' there; "
        "here 'corosync-qdevice-net-certutil -r -n %s', there 'corosync-qnetd-certutil "
        "-s -c qdevice-net-node.crq -n %s', here 'corosync-qdevice-net-certutil -M -c "
        "cluster-%s.crt', on the other nodes 'corosync-qdevice-net-certutil -m -c "
        "qdevice-net-node.p12'; or use --tls off on a network that you trust",
        host, cluster, cluster, cluster);
}

static int choose_algorithm(const struct cli *cli, size_t count, const char **ret,
                            struct error *err)
{
    bool odd = count % 2 == 1;
    if (odd && !cli_bool(cli, "force")) {
        return error_set(err, -EINVAL,
                         "the cluster has %zu nodes: a device helps where the number is even; with "
                         "an odd one its failure can cost the quorum; --force sets it up all the "
                         "same",
                         count);
    }
    const char *wanted = cli_text(cli, "algorithm");
    *ret = wanted != NULL ? wanted : odd ? "lms" : "ffsplit";
    return 0;
}

static int setup(struct cli *cli, const struct session *session, struct error *err)
{
    struct conf_change change;
    struct corosync_device device = {
        .host = cli_text(cli, "host"),
        .tls = cli_text(cli, "tls"),
    };
    struct corosync_device present;
    size_t count = 0;
    int r = conf_change_begin(cli->arena, session, &change, err);
    if (r == 0 && corosync_conf_device(change.conf, &present)) {
        r = error_set(err, -EEXIST, "the cluster has a quorum device, at '%s': remove it first",
                      present.host);
    }
    if (r == 0) {
        r = check_all_there(cli->arena, session, &count, err);
    }
    if (r == 0) {
        r = choose_algorithm(cli, count, &device.algorithm, err);
    }
    if (r == 0) {
        r = check_certificates(device.tls, device.host, corosync_conf_cluster_name(change.conf),
                               err);
    }
    if (r < 0) {
        return r;
    }
    corosync_conf_set_device(change.conf, &device);
    r = conf_change_commit(cli->arena, session, &change, "ha-cluster qdevice setup", err);
    if (r == 0) {
        cli_printf(cli,
                   "quorum device '%s' is configured on all nodes (%s); corosync-qdevice must run "
                   "on each: see 'ha-cluster qdevice status'\n",
                   device.host, device.algorithm);
    }
    return r;
}

static int in_session(struct cli *cli,
                      int (*run)(struct cli *cli, const struct session *session, struct error *err),
                      struct error *err)
{
    struct session session;
    int r = session_open(cli->arena, &session, err);
    if (r == 0) {
        r = run(cli, &session, err);
        session_close(&session);
    }
    return r;
}

int ha_cluster_qdevice_setup(struct cli *cli, struct error *err)
{
    return in_session(cli, setup, err);
}

static int take_away(struct cli *cli, const struct session *session, struct error *err)
{
    struct conf_change change;
    struct corosync_device present;
    size_t count;
    int r = conf_change_begin(cli->arena, session, &change, err);
    if (r == 0 && !corosync_conf_device(change.conf, &present)) {
        r = error_set(err, -ENOENT, "the cluster has no quorum device");
    }
    if (r == 0) {
        r = check_all_there(cli->arena, session, &count, err);
    }
    if (r < 0) {
        return r;
    }
    corosync_conf_set_device(change.conf, NULL);
    r = conf_change_commit(cli->arena, session, &change, "ha-cluster qdevice remove", err);
    if (r == 0) {
        cli_printf(cli, "quorum device '%s' is removed\n", present.host);
    }
    return r;
}

int ha_cluster_qdevice_remove(struct cli *cli, struct error *err)
{
    return in_session(cli, take_away, err);
}

static int show(struct cli *cli, const struct session *session, struct error *err)
{
    struct json *status;
    struct corosync_conf *conf;
    struct corosync_device device = {.host = "", .algorithm = "", .tls = ""};
    bool registered = false;
    int r = conf_change_read(cli->arena, &conf, err);
    if (r == 0) {
        r = ha_cluster_call(cli->arena, session->client, "status", NULL, &status, err);
    }
    if (r == 0) {
        r = json_get_bool_if(status, "qdevice", &registered, err);
    }
    if (r < 0) {
        return r;
    }
    bool configured = corosync_conf_device(conf, &device);
    struct json *object = json_new_object(cli->arena);
    json_put_bool(object, "configured", configured);
    json_put_bool(object, "registered", registered);
    if (configured) {
        json_put_string(object, "host", device.host);
        json_put_string(object, "algorithm", device.algorithm);
        json_put_string(object, "tls", device.tls);
    }
    output_object(&cli->output, object, NULL, 0, &cli->out);
    cli->exit_status = configured == registered ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
    return 0;
}

int ha_cluster_qdevice_status(struct cli *cli, struct error *err)
{
    return in_session(cli, show, err);
}

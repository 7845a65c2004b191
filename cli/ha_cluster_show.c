// SPDX-License-Identifier: Apache-2.0
// What the cluster is and by which times it works; and the one number an operator may overrule.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"

static int ask(struct cli *cli, const char *op, struct json *request, struct json **ret,
               struct error *err)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    int r = cluster_client_connect(&client, err);
    return r < 0 ? r : ha_cluster_call(cli->arena, client, op, request, ret, err);
}

int ha_cluster_status(struct cli *cli, struct error *err)
{
    struct json *status;
    int r = ask(cli, "status", NULL, &status, err);
    if (r < 0) {
        return r;
    }
    (void)map_remove(&status->members, "id"); // of the request, nobody's business
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, status, &cli->out);
        return 0;
    }
    json_each (e, status) {
        const struct json *value = e->value;
        struct strbuf text CLEANUP(strbuf_done) = {0};
        if (value->type == JSON_TYPE_STRING) {
            strbuf_append(&text, value->string);
        } else if (value->type == JSON_TYPE_BOOL) {
            strbuf_append(&text, value->boolean ? "yes" : "no");
        } else if (value->type == JSON_TYPE_INT) {
            strbuf_appendf(&text, "%lld", (long long)value->integer);
        } else {
            continue; // lists have commands of their own
        }
        cli_printf(cli, "%-18s %s\n", e->key, strbuf_text(&text));
    }
    return 0;
}

int ha_cluster_nodes(struct cli *cli, struct error *err)
{
    struct json *answer;
    int r = ask(cli, "membership", NULL, &answer, err);
    if (r < 0) {
        return r;
    }
    const struct json *members = json_find(answer, "members");
    if (members == NULL || members->type != JSON_TYPE_ARRAY) {
        return error_set(err, -EPROTO, "ha-clusterd's answer has no members");
    }
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, members, &cli->out);
        return 0;
    }
    if (!cli->output.noheader) {
        cli_printf(cli, "%-16s %6s %6s  %-8s %s\n", "node", "id", "votes", "state", "address");
    }
    for (size_t i = 0; i < members->count; i++) {
        const struct json *member = members->items[i];
        int64_t id = 0;
        int64_t votes = 0;
        bool online = false;
        const char *address = json_find_string(member, "address");
        r = json_get_int_if(member, "id", 0, INT64_MAX, &id, err);
        if (r == 0) {
            r = json_get_int_if(member, "votes", 0, INT64_MAX, &votes, err);
        }
        if (r == 0) {
            r = json_get_bool_if(member, "online", &online, err);
        }
        if (r < 0) {
            return r;
        }
        cli_printf(cli, "%-16s %6lld %6lld  %-8s %s\n", json_find_string(member, "node"),
                   (long long)id, (long long)votes, online ? "online" : "offline",
                   address == NULL ? "-" : address);
    }
    return 0;
}

int ha_cluster_expected(struct cli *cli, struct error *err)
{
    struct json *request = json_new_object(cli->arena);
    struct json *answer;
    json_put_int(request, "votes", cli_int(cli, "votes"));
    int r = ask(cli, "expected", request, &answer, err);
    if (r == 0) {
        cli_printf(cli, "expected votes set to %lld\n", (long long)cli_int(cli, "votes"));
    }
    return r;
}

int ha_cluster_timing(struct cli *cli, struct error *err)
{
    struct config config;
    config_init(&config);
    int r = cli_has(cli, "profile")
                ? timing_profile_from_string(cli_text(cli, "profile"), &config.profile)
                : config_load(cli->arena, &config, err);
    if (r < 0) {
        return r;
    }
    struct timing timing;
    timing_get(config.profile, &timing);
    struct error why = {0};
    bool safe = timing_check(&timing, &why) == 0;
    const struct {
        const char *key, *words;
        int64_t value;
    } rows[] = {
        {"token_ms", "Corosync's token", timing.token_ms},
        {"authority_ms", "A: authority after the last renewal sent", timing.authority_ms},
        {"watchdog_ms", "H: timeout of the watchdog", timing.watchdog_ms},
        {"granularity_ms", "q: granularity of feeding it", timing.granularity_ms},
        {"reset_ms", "R: from the reset until nothing of the node acts", timing.reset_ms},
        {"lease_ms", "L: silence after which a lease may be taken", timing.lease_ms},
        {"renew_ms", "renewal period", timing.renew_ms},
        {"worst_failover_ms", "worst time until a dead node's services may start elsewhere",
         timing_worst_failover_ms(&timing)},
    };
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        cli_printf(cli, "profile %s: %s\n", timing_profile_to_string(config.profile),
                   safe ? "safe" : why.text);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            cli_printf(cli, "%10.1f s  %s\n", (double)rows[i].value / 1000, rows[i].words);
        }
    } else {
        struct json *object = json_new_object(cli->arena);
        json_put_string(object, "profile", timing_profile_to_string(config.profile));
        json_put_bool(object, "safe", safe);
        json_put_string(object, "reason", safe ? NULL : why.text);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            json_put_int(object, rows[i].key, rows[i].value);
        }
        output_document(&cli->output, object, &cli->out);
    }
    cli->exit_status = safe ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
    return 0;
}

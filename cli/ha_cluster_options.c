// SPDX-License-Identifier: Apache-2.0
// The options of the whole cluster: what a node's shutdown does with its services, and how places
// are chosen. The text under "config/datacenter".
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/options.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

static const char *const option_keys[] = {"ha", "crs", "max_workers"};

static const char *text_of(const struct session_value *value)
{
    return value->text != NULL ? value->text : "";
}

// The line's value, or NULL.
static const char *find_line(struct arena *arena, const char *text, const char *key)
{
    size_t key_length = strlen(key);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (length > key_length && strncmp(text, key, key_length) == 0 && text[key_length] == ':') {
            const char *value = text + key_length + 1;
            value += strspn(value, " \t");
            return arena_printf(arena, "%.*s", (int)(text + length - value), value);
        }
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return NULL;
}

static void show(struct cli *cli, const char *text)
{
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        cli_printf(cli, "%s", text);
        return;
    }
    struct json *object = json_new_object(cli->arena);
    for (size_t i = 0; i < ARRAY_SIZE(option_keys); i++) {
        json_put_string(object, option_keys[i], find_line(cli->arena, text, option_keys[i]));
    }
    output_document(&cli->output, object, &cli->out);
}

int ha_cluster_options_show(struct cli *cli, struct error *err)
{
    struct session session;
    struct session_value value;
    int r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return r;
    }
    r = session_read(cli->arena, &session, STORE_KEY_DATACENTER, &value, err);
    session_close(&session);
    if (r == 0) {
        show(cli, text_of(&value));
    }
    return r;
}

// The text with all that was asked for changed. One that is wrong changes nothing.
static int edit(struct cli *cli, const char *text, const char **ret, struct error *err)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_SIZE(option_keys); i++) {
        const char *key = option_keys[i];
        bool removed = false;
        struct parse_words words =
            parse_list(cli->arena, cli_has(cli, "delete") ? cli_text(cli, "delete") : "");
        for (size_t k = 0; k < words.count; k++) {
            removed = removed || strcmp(words.words[k], key) == 0;
        }
        if (!removed && !cli_has(cli, key)) {
            continue;
        }
        if (removed && cli_has(cli, key)) {
            return cli_reject(cli, "delete", "'%s' is set and deleted", key);
        }
        char *edited;
        int r =
            options_edit(cli->arena, text, key, removed ? NULL : cli_text(cli, key), &edited, err);
        if (r < 0) {
            return cli_reject(cli, key, "%s", err->text);
        }
        text = edited;
        any = true;
    }
    if (!any) {
        return cli_reject(cli, "ha",
                          "nothing to change: give --ha, --crs, --max_workers or "
                          "--delete");
    }
    *ret = text;
    return 0;
}

static int check_delete(struct cli *cli)
{
    struct parse_words words =
        parse_list(cli->arena, cli_has(cli, "delete") ? cli_text(cli, "delete") : "");
    for (size_t k = 0; k < words.count; k++) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_SIZE(option_keys); i++) {
            known = known || strcmp(words.words[k], option_keys[i]) == 0;
        }
        if (!known) {
            return cli_reject(cli, "delete",
                              "unknown option '%s': allowed are crs, ha, max_workers",
                              words.words[k]);
        }
    }
    return 0;
}

int ha_cluster_options_set(struct cli *cli, struct error *err)
{
    int r = check_delete(cli);
    if (r < 0) {
        return r;
    }
    struct session session;
    r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return r;
    }
    struct session_value value;
    const char *text = NULL;
    r = session_need_quorum(&session, err);
    if (r == 0) {
        r = session_read(cli->arena, &session, STORE_KEY_DATACENTER, &value, err);
    }
    if (r == 0) {
        r = edit(cli, text_of(&value), &text, err);
    }
    if (r == 0) {
        const struct store_op op = {.key = STORE_KEY_DATACENTER,
                                    .value = text,
                                    .size_bytes = strlen(text),
                                    .expect = value.version};
        r = session_write(&session, "options", &op, 1, err);
    }
    session_close(&session);
    return r;
}

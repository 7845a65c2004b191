// SPDX-License-Identifier: Apache-2.0
// Any bytes as the configuration of notifications and, after a line "---", as an entry of the
// history: what is read is written, and reads again as the same; no entry breaks out of the header
// of a mail, a line, or an environment. And as what the program that posts is given.
#include <assert.h>
#include <string.h>

#include "api/notify/notify_message.h"
#include "api/notify/webhook_job.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/notify_config.h"
#include "common/port/history.h"
#include "tests/fuzz/fuzz.h"

#define KEY "history/1700000000000000"

static void target_check(struct arena *arena, const struct notify_target *target)
{
    assert(target->rate >= 1);
    assert(target->rate <= NOTIFY_RATE_MAX);
    assert(target->rules_count <= NOTIFY_RULES_MAX);
    assert((target->kind == NOTIFY_KIND_MAIL) == (target->to != NULL));
    assert((target->kind == NOTIFY_KIND_WEBHOOK) == (target->url != NULL));
    assert((target->kind == NOTIFY_KIND_EXEC) == (target->program != NULL));
    // They become words of a command line, a header, a program.
    assert(target->to == NULL || (target->to[0] != '-' && strpbrk(target->to, "\r\n") == NULL));
    assert(target->program == NULL || target->program[0] == '/');
    for (size_t i = 0; i < target->rules_count; i++) {
        struct notify_rule rule;
        const char *written = notify_rule_format(arena, &target->rules[i]);
        int r = notify_rule_parse(arena, written, &rule, NULL);
        assert(r == 0);
        assert(strcmp(notify_rule_format(arena, &rule), written) == 0);
    }
}

static struct notify_config *config_try(struct arena *arena, const char *text)
{
    struct notify_config *config = NULL;
    if (notify_config_parse(arena, text, &config, NULL) < 0) {
        assert(config == NULL);
        return NULL;
    }
    assert(config->targets.count <= NOTIFY_TARGETS_MAX);
    map_each (e, &config->targets) {
        target_check(arena, e->value);
    }
    const char *written = notify_config_format(arena, config);
    int r = notify_config_parse(arena, written, &config, NULL);
    assert(r == 0);
    assert(strcmp(notify_config_format(arena, config), written) == 0);
    return config;
}

static bool is_known_header(const char *line)
{
    static const char *const names[] = {
        "From: ", "To: ", "Subject: ", "MIME-Version: ", "Content-", "Auto-Submitted: "};
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        known = known || strncmp(line, names[i], strlen(names[i])) == 0;
    }
    return known;
}

static void mail_check(const char *mail)
{
    while (*mail != '\n') {
        assert(is_known_header(mail));
        for (; *mail != '\n'; mail++) {
            assert(*mail >= ' ');
            assert(*mail <= '~');
        }
        mail++;
    }
}

static void entry_try(struct arena *arena, const struct notify_config *config, const char *value)
{
    struct json *entry;
    if (history_show(arena, KEY, value, strlen(value), &entry, NULL) < 0) {
        return;
    }
    const struct json *const entries[] = {entry, entry};
    const char *line = notify_line(arena, entry);
    for (const char *c = line; *c != '\0'; c++) {
        assert((unsigned char)*c >= ' ');
    }
    const char **environment = notify_environment(arena, entry);
    for (size_t i = 0; environment[i] != NULL; i++) {
        assert(strncmp(environment[i], "HA_", 3) == 0);
        size_t length = strspn(environment[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        assert(environment[i][length] == '=');
    }
    struct json *read;
    const char *message = notify_json(arena, "n1", entry);
    int r = json_parse(arena, message, strlen(message), &read, NULL);
    assert(r == 0);
    const char *text = json_find_string(read, "text");
    assert(text != NULL);
    map_each (e, &config->targets) {
        const struct notify_target *target = e->value;
        bool wanted = notify_target_wants(target, entry);
        assert(wanted || target->rules_count > 0);
        if (target->kind == NOTIFY_KIND_MAIL) {
            mail_check(notify_mail(arena, target, "n1", entries, ARRAY_SIZE(entries)));
        }
    }
}

static void job_try(struct arena *arena, const char *data, size_t size_bytes)
{
    struct webhook webhook;
    if (webhook_job_parse(arena, data, size_bytes, &webhook, NULL) < 0) {
        return;
    }
    assert(strpbrk(webhook.url, "\r\n") == NULL);
    const char *written = webhook_job_format(arena, &webhook);
    int r = webhook_job_parse(arena, written, strlen(written), &webhook, NULL);
    assert(r == 0);
    assert(strcmp(webhook_job_format(arena, &webhook), written) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *text = arena_memdup(arena, data, size_bytes);
    char *value = strstr(text, "---\n");
    if (value != NULL) {
        *value = '\0';
        value += strlen("---\n");
    }
    const struct notify_config *config = config_try(arena, text);
    if (config != NULL && value != NULL) {
        entry_try(arena, config, value);
    }
    job_try(arena, (const char *)data, size_bytes);
    return 0;
}

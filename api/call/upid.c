// SPDX-License-Identifier: Apache-2.0
// Reading and writing names of tasks.
#include "api/call/upid.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/sid.h"

enum { UPID_FIELDS = 9, HEX_DIGITS = 8, HEX_DIGITS_MAX = 9 };

// Also what a file's name must not have.
static bool char_is_allowed(char c)
{
    return c > ' ' && c != ':' && c != '/' && c != '\\' && c != 0x7f;
}

static char *field_clean(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++) {
        if (!char_is_allowed(*c)) {
            *c = '_';
        }
    }
    return copy;
}

char *upid_format(struct arena *arena, const struct upid *upid)
{
    return arena_printf(arena, "UPID:%s:%08llX:%08llX:%08llX:%s:%s:%s:", upid->node,
                        (unsigned long long)upid->pid, (unsigned long long)upid->pstart,
                        (unsigned long long)upid->start_s, field_clean(arena, upid->type),
                        field_clean(arena, upid->id), field_clean(arena, upid->user));
}

static bool hex_parse(const char *text, size_t digits_max, int64_t *ret)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = strlen(text);
    int64_t value = 0;
    if (length < HEX_DIGITS || length > digits_max) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i] >= 'a' && text[i] <= 'f' ? (char)(text[i] - 'a' + 'A') : text[i];
        const char *digit = memchr(digits, c, sizeof(digits) - 1);
        if (digit == NULL) {
            return false;
        }
        value = value * 16 + (digit - digits);
    }
    *ret = value;
    return true;
}

static bool text_is_allowed(const char *text, size_t length_min)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (!char_is_allowed(*c)) {
            return false;
        }
    }
    return strlen(text) >= length_min;
}

int upid_parse(struct arena *arena, const char *text, struct upid *ret, struct error *err)
{
    char *fields[UPID_FIELDS] = {0};
    size_t count = 0;
    bool good = strlen(text) <= UPID_MAX;
    char *rest = arena_strdup(arena, good ? text : "");
    while (rest != NULL && count < UPID_FIELDS) {
        char *colon = strchr(rest, ':');
        fields[count++] = rest;
        rest = colon != NULL ? colon + 1 : NULL;
        if (colon != NULL) {
            *colon = '\0';
        }
    }
    struct upid upid = {0};
    good = good && count == UPID_FIELDS && rest == NULL && strcmp(fields[0], "UPID") == 0 &&
           fields[UPID_FIELDS - 1][0] == '\0' && node_name_check(fields[1], NULL) == 0 &&
           hex_parse(fields[2], HEX_DIGITS, &upid.pid) &&
           hex_parse(fields[3], HEX_DIGITS_MAX, &upid.pstart) &&
           hex_parse(fields[4], HEX_DIGITS, &upid.start_s) && text_is_allowed(fields[5], 1) &&
           text_is_allowed(fields[6], 0) && text_is_allowed(fields[7], 1);
    if (!good) {
        return error_set(err, -EINVAL, "unable to parse worker upid");
    }
    upid.node = fields[1];
    upid.type = fields[5];
    upid.id = fields[6];
    upid.user = fields[7];
    *ret = upid;
    return 0;
}

const char *upid_user(struct arena *arena, const char *label, const char **ret_token)
{
    const char *mark = strchr(label, '!');
    if (ret_token != NULL) {
        *ret_token = mark != NULL ? mark + 1 : NULL;
    }
    return mark == NULL ? label : arena_printf(arena, "%.*s", (int)(mark - label), label);
}

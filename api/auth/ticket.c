// SPDX-License-Identifier: Apache-2.0
// Making and checking tickets. What is checked is compared as text with what would have been made:
// there is one form of each ticket only.
#include "api/auth/ticket.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/signature.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"

enum { TIME_DIGITS = 8 };

#define TICKET_PREFIX "PVE:"
#define HEX_DIGITS    "0123456789ABCDEF"
// What a signature is for, so that none can serve as another's.
#define PURPOSE_TICKET "ticket"
#define PURPOSE_CSRF   "csrf"
#define PURPOSE_ORIGIN "origin"

// ---- Keys.

static int key_parse(struct arena *arena, const struct json *object, struct ticket_key *ret,
                     struct error *err)
{
    struct ticket_key key = {0};
    const char *text = NULL;
    char *secret = NULL;
    size_t size_bytes = 0;
    int r = json_get_int(object, "created", 0, INT64_MAX, &key.created_s, err);
    r = r == 0 ? json_get_string(object, "secret", &text, err) : r;
    if (r < 0) {
        return r;
    }
    if (digest_base64_decode(arena, text, &secret, &size_bytes) < 0 ||
        size_bytes != TICKET_KEY_BYTES) {
        return error_set(err, -EINVAL, "a key is damaged");
    }
    key.secret = secret;
    *ret = key;
    return 0;
}

int ticket_keys_parse(struct arena *arena, const char *text, size_t size_bytes,
                      struct ticket_keys *ret, struct error *err)
{
    struct json *object = NULL;
    struct ticket_keys keys = {0};
    int r = json_parse(arena, text, size_bytes, &object, err);
    const struct json *list = r == 0 ? json_find(object, "keys") : NULL;
    if (r == 0 && (list == NULL || list->type != JSON_TYPE_ARRAY)) {
        return error_set(err, -EINVAL, "'keys' is not a list");
    }
    for (size_t i = 0; r == 0 && i < list->count && i < TICKET_KEYS_MAX; i++) {
        r = key_parse(arena, list->items[i], &keys.keys[keys.count++], err);
    }
    if (r == 0) {
        *ret = keys;
    }
    return r;
}

char *ticket_keys_format(struct arena *arena, const struct ticket_keys *keys)
{
    struct json *object = json_new_object(arena);
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < keys->count; i++) {
        struct json *key = json_new_object(arena);
        json_put_int(key, "created", keys->keys[i].created_s);
        json_put_string(key, "secret",
                        digest_base64_encode(arena, keys->keys[i].secret, TICKET_KEY_BYTES));
        json_append(list, key);
    }
    json_put(object, "keys", list);
    return json_to_text(arena, object);
}

bool ticket_keys_are_old(const struct ticket_keys *keys, int64_t now_s)
{
    return keys->count == 0 || now_s - keys->keys[0].created_s >= TICKET_KEY_AGE_S ||
           keys->keys[0].created_s - now_s > TICKET_GRACE_S;
}

void ticket_keys_add(struct ticket_keys *keys, const struct ticket_key *key)
{
    for (size_t i = TICKET_KEYS_MAX - 1; i > 0; i--) {
        keys->keys[i] = keys->keys[i - 1];
    }
    keys->keys[0] = *key;
    keys->count += keys->count < TICKET_KEYS_MAX ? 1 : 0;
}

static const struct ticket_key *key_signing(const struct ticket_keys *keys, int64_t now_s)
{
    assert(keys->count > 0);
    bool settled = now_s - keys->keys[0].created_s >= TICKET_KEY_SETTLE_S;
    return settled || keys->count == 1 ? &keys->keys[0] : &keys->keys[1];
}

// ---- Signatures.

static char *sign(struct arena *arena, const struct ticket_key *key, const char *purpose,
                  const char *text)
{
    return signature_make(arena, key->secret, TICKET_KEY_BYTES,
                          arena_printf(arena, "%s:%s", purpose, text));
}

static bool is_signed(struct arena *arena, const struct ticket_keys *keys, const char *purpose,
                      const char *text, const char *signature)
{
    bool good = false;
    for (size_t i = 0; i < keys->count; i++) {
        // All keys are tried, so that time does not tell which one it was.
        good |= signature_equal(sign(arena, &keys->keys[i], purpose, text), signature);
    }
    return good;
}

static char *time_format(struct arena *arena, int64_t time_s)
{
    return arena_printf(arena, "%08" PRIX32, (uint32_t)time_s);
}

// Eight digits in front of the text; −1: they are not.
static int64_t time_parse(const char *text)
{
    int64_t time_s = 0;
    for (int i = 0; i < TIME_DIGITS; i++) {
        const char *digit = text[i] != '\0' ? strchr(HEX_DIGITS, text[i]) : NULL;
        if (digit == NULL) {
            return -1;
        }
        time_s = time_s * 16 + (digit - HEX_DIGITS);
    }
    return time_s;
}

static bool time_is_good(int64_t time_s, int64_t now_s)
{
    int64_t age_s = now_s - time_s;
    return time_s >= 0 && age_s > -TICKET_GRACE_S && age_s < TICKET_LIFETIME_S;
}

// ---- Tickets.

char *ticket_make(struct arena *arena, const struct ticket_keys *keys, const char *user,
                  int64_t now_s)
{
    const char *text = arena_printf(arena, TICKET_PREFIX "%s:%s", user, time_format(arena, now_s));
    return arena_printf(arena, "%s::%s", text,
                        sign(arena, key_signing(keys, now_s), PURPOSE_TICKET, text));
}

bool ticket_check(struct arena *arena, const struct ticket_keys *keys, const char *ticket,
                  int64_t now_s, const char **ret_user, int64_t *ret_time_s)
{
    size_t prefix = strlen(TICKET_PREFIX);
    const char *mark = strstr(ticket, "::");
    if (strlen(ticket) > TICKET_SIZE_MAX || strncmp(ticket, TICKET_PREFIX, prefix) != 0 ||
        mark == NULL || (size_t)(mark - ticket) < prefix + 1 + TIME_DIGITS ||
        mark[-TIME_DIGITS - 1] != ':') {
        return false;
    }
    int64_t time_s = time_parse(mark - TIME_DIGITS);
    const char *text = arena_memdup(arena, ticket, (size_t)(mark - ticket));
    const char *user =
        arena_memdup(arena, ticket + prefix, (size_t)(mark - ticket) - prefix - 1 - TIME_DIGITS);
    if (!is_signed(arena, keys, PURPOSE_TICKET, text, mark + 2) || !time_is_good(time_s, now_s) ||
        access_userid_check(user, NULL) < 0) {
        return false;
    }
    *ret_user = user;
    *ret_time_s = time_s;
    return true;
}

char *ticket_csrf_make(struct arena *arena, const struct ticket_keys *keys, const char *user,
                       int64_t now_s)
{
    const char *time_text = time_format(arena, now_s);
    const char *text = arena_printf(arena, "%s:%s", time_text, user);
    return arena_printf(arena, "%s:%s", time_text,
                        sign(arena, key_signing(keys, now_s), PURPOSE_CSRF, text));
}

bool ticket_csrf_check(struct arena *arena, const struct ticket_keys *keys, const char *csrf,
                       const char *user, int64_t now_s)
{
    int64_t time_s = time_parse(csrf);
    if (strlen(csrf) > TICKET_SIZE_MAX || time_s < 0 || csrf[TIME_DIGITS] != ':') {
        return false;
    }
    const char *text = arena_printf(arena, "%s:%s", arena_memdup(arena, csrf, TIME_DIGITS), user);
    return is_signed(arena, keys, PURPOSE_CSRF, text, csrf + TIME_DIGITS + 1) &&
           time_is_good(time_s, now_s);
}

// ---- From where a call comes.

// No part has a line break, so that no two calls have one text.
static char *origin_text(struct arena *arena, const struct ticket_origin *origin,
                         const char *time_text, const char *address)
{
    return arena_printf(arena, "%s\n%s\n%s\n%s\n%s", time_text, origin->node, origin->method,
                        address, origin->path);
}

char *ticket_origin_make(struct arena *arena, const struct ticket_keys *keys,
                         const struct ticket_origin *origin, int64_t now_s)
{
    const char *time_text = time_format(arena, now_s);
    const char *text = origin_text(arena, origin, time_text, origin->address);
    return arena_printf(arena, "%s:%s:%s", time_text,
                        sign(arena, key_signing(keys, now_s), PURPOSE_ORIGIN, text),
                        origin->address);
}

bool ticket_origin_check(struct arena *arena, const struct ticket_keys *keys, const char *text,
                         const struct ticket_origin *origin, int64_t now_s,
                         const char **ret_address)
{
    int64_t time_s = time_parse(text);
    if (strlen(text) > TICKET_SIZE_MAX || time_s < 0 || text[TIME_DIGITS] != ':') {
        return false;
    }
    const char *signature = text + TIME_DIGITS + 1;
    const char *mark = strchr(signature, ':');
    if (mark == NULL || strpbrk(mark, "\r\n") != NULL) {
        return false;
    }
    int64_t age_s = now_s - time_s;
    const char *made = origin_text(arena, origin, arena_memdup(arena, text, TIME_DIGITS), mark + 1);
    if (age_s >= TICKET_GRACE_S || age_s <= -TICKET_GRACE_S ||
        !is_signed(arena, keys, PURPOSE_ORIGIN, made,
                   arena_memdup(arena, signature, (size_t)(mark - signature)))) {
        return false;
    }
    *ret_address = arena_strdup(arena, mark + 1);
    return true;
}

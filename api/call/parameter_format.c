// SPDX-License-Identifier: Apache-2.0
// One check for each format.
#include "api/call/parameter_format.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/auth/rights.h"
#include "api/call/upid.h"
#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/model/sid.h"

#define DIGITS  "0123456789"
#define HEX     DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WORD    LETTERS DIGITS "._-"

enum {
    VMID_MIN = 100,
    VMID_MAX = 999999999,
    USERID_MAX = 128,
    REALM_MAX = 32,
    NAME_MAX_BYTES = 64,
    HOST_MAX = 253,
    FINGERPRINT_BYTES = 32,
    DIGEST_DIGITS = 40,
    PRIORITY_MAX = 1000,
    LINK_PRIORITY_MAX = 255,
};

static bool text_has_only(const char *text, const char *allowed)
{
    return text[0] != '\0' && text[strspn(text, allowed)] == '\0';
}

// Letter first, then letters, digits, '.', '_', '-'.
static bool text_is_name(const char *text, size_t length_max)
{
    return text_has_only(text, WORD) && strchr(LETTERS, text[0]) != NULL &&
           strlen(text) <= length_max;
}

static bool text_is_vmid(const char *text)
{
    int64_t value;
    return text_has_only(text, DIGITS) && text[0] != '0' &&
           parse_int64(text, VMID_MIN, VMID_MAX, &value) == 0;
}

static bool text_is_clean(const char *text, const char *also)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if ((*c < ' ' && strchr(also, *c) == NULL) || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool text_is_userid(const char *text)
{
    const char *at = strrchr(text, '@');
    if (at == NULL || at == text || strlen(text) > USERID_MAX || !text_is_clean(text, "")) {
        return false;
    }
    return strcspn(text, " :/!\\\"'<>") == strlen(text) && text_is_name(at + 1, REALM_MAX);
}

static bool text_is_acl_path(const char *text)
{
    size_t length = strlen(text);
    if (strcmp(text, "/") == 0) {
        return true;
    }
    return text[0] == '/' && text_has_only(text, WORD "/:") && strstr(text, "//") == NULL &&
           text[length - 1] != '/' && length <= HOST_MAX;
}

// An IP address or a host name: whether it is one of them for certain is found out when it is used.
static bool text_is_address(const char *text)
{
    size_t length = strlen(text);
    bool has_colon = strchr(text, ':') != NULL;
    if (length == 0 || length > HOST_MAX) {
        return false;
    }
    return has_colon ? text_has_only(text, HEX ":.%" LETTERS "-")
                     : text_has_only(text, LETTERS DIGITS ".-") && text[0] != '-' && text[0] != '.';
}

static bool text_is_link(struct arena *arena, const char *text)
{
    static const char address_key[] = "address=", priority_key[] = ",priority=";
    int64_t value;
    if (strncmp(text, address_key, sizeof(address_key) - 1) == 0) {
        text += sizeof(address_key) - 1;
    }
    size_t length = strcspn(text, ",");
    const char *rest = text + length;
    if (rest[0] != '\0' &&
        (strncmp(rest, priority_key, sizeof(priority_key) - 1) != 0 ||
         parse_int64(rest + sizeof(priority_key) - 1, 0, LINK_PRIORITY_MAX, &value) < 0)) {
        return false;
    }
    return text_is_address(arena_printf(arena, "%.*s", (int)length, text));
}

static bool text_is_node_list(struct arena *arena, const char *text)
{
    struct parse_words words = parse_list(arena, text);
    for (size_t i = 0; i < words.count; i++) {
        size_t length = strcspn(words.words[i], ":");
        const char *rest = words.words[i] + length;
        int64_t value;
        if (rest[0] != '\0' && parse_int64(rest + 1, 0, PRIORITY_MAX, &value) < 0) {
            return false;
        }
        if (node_name_check(arena_printf(arena, "%.*s", (int)length, words.words[i]), NULL) < 0) {
            return false;
        }
    }
    return words.count > 0;
}

static bool text_is_fingerprint(const char *text)
{
    if (strlen(text) != FINGERPRINT_BYTES * 3 - 1) {
        return false;
    }
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (i % 3 == 2 ? text[i] != ':' : strchr(HEX, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static const char *fault_unless(bool good, const char *words)
{
    return good ? NULL : words;
}

#define CONTROL_WORDS "invalid format - value has control characters"
#define UNLIKE(what)  "invalid format - value does not look like a valid " what

static const char *sid_fault(const char *text)
{
    if (text_has_only(text, DIGITS)) {
        return fault_unless(text_is_vmid(text), UNLIKE("VM ID"));
    }
    // A guest of any number can be asked for; one that cannot be is as one that is not there.
    if (strncmp(text, "ct:", 3) == 0 || strncmp(text, "vm:", 3) == 0) {
        return fault_unless(text_has_only(text + 3, DIGITS) && strlen(text) <= NAME_MAX_BYTES,
                            UNLIKE("HA resource ID"));
    }
    return fault_unless(sid_check(text, NULL) == 0, UNLIKE("HA resource ID"));
}

const char *parameter_format_fault(struct arena *arena, enum parameter_format format,
                                   const char *text)
{
    enum privilege privilege;
    struct upid upid;
    switch (format) {
    case PARAMETER_FORMAT_NONE:
        return fault_unless(text_is_clean(text, ""), CONTROL_WORDS);
    case PARAMETER_FORMAT_TEXT:
        return fault_unless(text_is_clean(text, "\n\r\t"), CONTROL_WORDS);
    case PARAMETER_FORMAT_NODE:
        return fault_unless(node_name_check(text, NULL) == 0, UNLIKE("node name"));
    case PARAMETER_FORMAT_VMID:
        return fault_unless(text_is_vmid(text), UNLIKE("VM ID"));
    case PARAMETER_FORMAT_SID:
        return sid_fault(text);
    case PARAMETER_FORMAT_ID:
        return config_id_check(text, NULL) == 0
                   ? NULL
                   : arena_printf(arena, "invalid format - invalid configuration ID '%s'", text);
    case PARAMETER_FORMAT_NODE_LIST:
        return fault_unless(text_is_node_list(arena, text), UNLIKE("list of nodes"));
    case PARAMETER_FORMAT_USERID:
        return fault_unless(text_is_userid(text), UNLIKE("user name"));
    case PARAMETER_FORMAT_TOKENID:
        return fault_unless(text_is_name(text, NAME_MAX_BYTES), UNLIKE("token ID"));
    case PARAMETER_FORMAT_ROLE:
        return fault_unless(text_has_only(text, WORD) && strlen(text) <= NAME_MAX_BYTES,
                            UNLIKE("role"));
    case PARAMETER_FORMAT_ACL_PATH:
        return fault_unless(text_is_acl_path(text), UNLIKE("path"));
    case PARAMETER_FORMAT_ADDRESS:
        return fault_unless(text_is_address(text), UNLIKE("address"));
    case PARAMETER_FORMAT_LINK:
        return fault_unless(text_is_link(arena, text), UNLIKE("link"));
    case PARAMETER_FORMAT_FINGERPRINT:
        return fault_unless(text_is_fingerprint(text), UNLIKE("SHA-256 fingerprint"));
    case PARAMETER_FORMAT_UPID:
        return upid_parse(arena, text, &upid, NULL) == 0 ? NULL : "unable to parse worker upid";
    case PARAMETER_FORMAT_DIGEST:
        return fault_unless(strlen(text) == DIGEST_DIGITS && text_has_only(text, HEX),
                            UNLIKE("digest"));
    case PARAMETER_FORMAT_PRIVILEGE:
        return privilege_from_string(text, &privilege) == 0
                   ? NULL
                   : arena_printf(arena, "invalid format - invalid privilege '%s'", text);
    case PARAMETER_FORMAT_MAX:
        break;
    }
    return "invalid format"; // a row with no format of the table
}

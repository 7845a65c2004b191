// SPDX-License-Identifier: Apache-2.0
// Forms of names.
#include "common/model/sid.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/utf8.h"

static bool sid_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool sid_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t sid_type_length(const char *sid)
{
    return strspn(sid, "abcdefghijklmnopqrstuvwxyz");
}

// Visible characters only: names are printed, and are parts of keys and of command lines.
static bool sid_is_visible(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_length(text, left);
        if (length == 0 || (unsigned char)*text <= 0x20 || *text == 0x7f) {
            return false;
        }
        text += length;
        left -= length;
    }
    return true;
}

static bool sid_is_guest_number(const char *name)
{
    return name[0] != '0' && strlen(name) >= 2 && strspn(name, "0123456789") == strlen(name);
}

static bool sid_is_in(char c, const char *others)
{
    return sid_is_letter(c) || sid_is_digit(c) || (c != '\0' && strchr(others, c) != NULL);
}

// Names of the service manager's units, of services only: other units have no processes to keep.
static bool sid_is_unit_name(const char *name)
{
    static const char suffix[] = ".service";
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    if (length <= suffix_length || strcmp(name + length - suffix_length, suffix) != 0) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!sid_is_in(name[i], ":-_.\\@")) {
            return false;
        }
    }
    // A template is no service: only its instances can be started.
    return name[0] != '@' && name[length - suffix_length - 1] != '@';
}

static bool sid_is_ocf_name(const char *name)
{
    bool good = sid_is_in(name[0], "_");
    for (size_t i = 1; good && name[i] != '\0'; i++) {
        good = sid_is_in(name[i], "._-");
    }
    return good;
}

// These names are parts of file names, of control groups and of other programs' environment.
static int sid_check_name(const char *sid, const char *name, struct error *err)
{
    bool is_guest = sid_is_of(sid, "ct") || sid_is_of(sid, "vm");
    if (is_guest && !sid_is_guest_number(name)) {
        return error_set(
            err, -EINVAL,
            "invalid service id '%s': expected a number of at least two digits after '%.2s:'", sid,
            sid);
    }
    if (sid_is_of(sid, "unit") && !sid_is_unit_name(name)) {
        return error_set(err, -EINVAL,
                         "invalid service id '%s': expected the name of a unit after 'unit:', such "
                         "as 'unit:nginx.service'",
                         sid);
    }
    if (sid_is_of(sid, "ocf") && !sid_is_ocf_name(name)) {
        return error_set(err, -EINVAL,
                         "invalid service id '%s': expected letters, digits, '.', '_' and '-' "
                         "after 'ocf:', and no sign at the start",
                         sid);
    }
    return 0;
}

int sid_check(const char *sid, struct error *err)
{
    size_t type_length = sid_type_length(sid);
    const char *name = sid + type_length + 1;
    if (type_length == 0 || sid[type_length] != ':' || *name == '\0' || strlen(sid) > SID_MAX ||
        !sid_is_visible(name)) {
        return error_set(err, -EINVAL, "invalid service id '%s': expected <type>:<name>", sid);
    }
    return sid_check_name(sid, name, err);
}

const char *sid_type(struct arena *arena, const char *sid)
{
    return arena_memdup(arena, sid, sid_type_length(sid));
}

bool sid_is_of(const char *sid, const char *type)
{
    size_t length = strlen(type);
    return strncmp(sid, type, length) == 0 && sid[length] == ':';
}

const char *sid_name(const char *sid)
{
    const char *colon = strchr(sid, ':');
    assert(colon != NULL);
    return colon + 1;
}

int node_name_check(const char *node, struct error *err)
{
    size_t length = strlen(node);
    bool is_good = length > 0 && length <= NODE_NAME_MAX;
    for (size_t i = 0; is_good && i < length; i++) {
        bool is_edge = i == 0 || i == length - 1;
        is_good = sid_is_letter(node[i]) || sid_is_digit(node[i]) || (node[i] == '-' && !is_edge);
    }
    if (!is_good) {
        return error_set(
            err, -EINVAL,
            "invalid node name '%s': expected letters, digits and inner '-', at most %d", node,
            NODE_NAME_MAX);
    }
    return 0;
}

int config_id_check(const char *id, struct error *err)
{
    size_t length = strlen(id);
    bool is_good = length >= 2 && length <= SID_MAX && sid_is_letter(id[0]);
    for (size_t i = 1; is_good && i < length; i++) {
        is_good = sid_is_letter(id[i]) || sid_is_digit(id[i]) || id[i] == '_' || id[i] == '-';
    }
    if (!is_good) {
        return error_set(
            err, -EINVAL,
            "invalid name '%s': expected a letter, then at least one of letters, digits, '_', '-'",
            id);
    }
    return 0;
}

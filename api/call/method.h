// SPDX-License-Identifier: Apache-2.0
// One row for each call of the API: its path, its parameters and who may make it. The rows drive
// the checking of parameters, the errors, the index of the API, `--help` texts and
// docs/openapi.json; nothing about a call is said anywhere else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth/rights.h"
#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct call;

enum method_verb {
    METHOD_VERB_GET,
    METHOD_VERB_POST,
    METHOD_VERB_PUT,
    METHOD_VERB_DELETE,
    METHOD_VERB_MAX
};
ENUM_TABLE_DECLARE(method_verb);

enum parameter_type {
    PARAMETER_TYPE_STRING,
    PARAMETER_TYPE_INTEGER, // becomes a JSON integer
    PARAMETER_TYPE_NUMBER,
    PARAMETER_TYPE_BOOLEAN, // "0", "1", true, false; becomes a JSON boolean
    PARAMETER_TYPE_LIST,    // words between commas, semicolons or blanks, or a JSON array; becomes
                            // a JSON array of strings, each of which has the format
    PARAMETER_TYPE_MAX
};
ENUM_TABLE_DECLARE(parameter_type);

// What the text must look like beside its type; the names are those of the field ("pve-node" in the
// OpenAPI document and errors).
enum parameter_format {
    PARAMETER_FORMAT_NONE, // one line
    PARAMETER_FORMAT_TEXT, // may have several lines
    PARAMETER_FORMAT_NODE,
    PARAMETER_FORMAT_VMID,      // 100 … 999999999
    PARAMETER_FORMAT_SID,       // ct:100, or 100
    PARAMETER_FORMAT_ID,        // name of a group, rule, storage, pool
    PARAMETER_FORMAT_NODE_LIST, // n1[:priority],…
    PARAMETER_FORMAT_USERID,    // user@realm
    PARAMETER_FORMAT_TOKENID,   // of a user's token
    PARAMETER_FORMAT_ROLE,
    PARAMETER_FORMAT_ACL_PATH,    // /, /vms/100, …
    PARAMETER_FORMAT_ADDRESS,     // IP address or host name
    PARAMETER_FORMAT_LINK,        // address[,priority=n]
    PARAMETER_FORMAT_FINGERPRINT, // SHA-256 of a certificate: 32 pairs of hex digits and colons
    PARAMETER_FORMAT_UPID,
    PARAMETER_FORMAT_DIGEST, // 40 hex digits
    PARAMETER_FORMAT_PRIVILEGE,
    PARAMETER_FORMAT_MAX
};
ENUM_TABLE_DECLARE(parameter_format);

struct parameter {
    const char *name; // "link[n]" stands for link0, link1, … up to link<maximum>
    enum parameter_type type;
    enum parameter_format format;
    bool required; // those in the path always are
    bool has_minimum, has_maximum;
    int64_t minimum, maximum;  // of an integer
    size_t length_max;         // of a string, in bytes; 0: 4096
    const char *const *values; // the only ones allowed, NULL-terminated; or NULL
    const char *default_text;  // for people; the handler knows it
    const char *description;
};

// Where a call is carried out.
enum method_kind {
    METHOD_KIND_READ, // in the daemon, from what it holds in memory; must not block
    METHOD_KIND_WORK, // in a child of its own with a connection of its own; may block for seconds
};

enum method_access {
    METHOD_ACCESS_WORLD,     // anyone, not logged in
    METHOD_ACCESS_USER,      // anyone who is logged in; the handler shows what the caller may see
    METHOD_ACCESS_PRIVILEGE, // who has `privilege` on `access_path`
    METHOD_ACCESS_ROOT,      // root@pam itself, not by a token
};

typedef void (*method_run)(struct call *call);

struct method {
    enum method_verb verb;
    const char *path; // "/cluster/ha/resources/{sid}": parts in braces are parameters
    const char *description;
    const struct parameter *parameters; // with a row for each part of the path in braces
    size_t parameters_count;
    enum method_access access;
    enum privilege privilege;
    const char *access_path; // "/vms/{vmid}"; NULL with METHOD_ACCESS_PRIVILEGE: "/"
    enum method_kind kind;
    bool on_node;        // carried out on the node that its parameter "node" names
    const char *returns; // JSON type of the data, for the OpenAPI document: "null", "array", …
    method_run run;
};

// All rows of one file of endpoints.
struct method_table {
    const struct method *methods;
    size_t count;
};

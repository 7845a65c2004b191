// SPDX-License-Identifier: Apache-2.0
// The names of what rows are made of.
#include "api/call/method.h"

ENUM_TABLE(method_verb, METHOD_VERB_MAX, "GET", "POST", "PUT", "DELETE");
ENUM_TABLE(parameter_type, PARAMETER_TYPE_MAX, "string", "integer", "number", "boolean", "array");
ENUM_TABLE(parameter_format, PARAMETER_FORMAT_MAX, "line", "text", "pve-node", "pve-vmid",
           "pve-ha-resource-or-vm-id", "pve-configid", "pve-ha-node-list", "pve-userid",
           "pve-tokenid", "pve-roleid", "pve-acl-path", "address", "corosync-link",
           "fingerprint-sha256", "pve-upid", "pve-config-digest", "pve-priv");

// SPDX-License-Identifier: Apache-2.0
// Random valid documents of the model, the same for the same seed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct command;
struct fence_config;
struct group_set;
struct guest;
struct json;
struct lrm_result;
struct lrm_status;
struct manager_status;
struct prng;
struct resource;
struct rule_set;
struct service;

struct random_source {
    struct arena *arena;
    struct prng *prng;
};

bool random_flip(struct random_source *source) WARN_UNUSED;
// Any UTF-8 text without NUL, also with quotes, control characters and characters of four bytes.
const char *random_text(struct random_source *source, size_t characters_max) WARN_UNUSED;
const char *random_node(struct random_source *source) WARN_UNUSED;
const char *random_sid(struct random_source *source) WARN_UNUSED;

struct json *random_json(struct random_source *source) WARN_UNUSED;
struct resource *random_resource(struct random_source *source) WARN_UNUSED;
struct guest *random_guest(struct random_source *source) WARN_UNUSED;
struct service *random_service(struct random_source *source) WARN_UNUSED;
struct manager_status *random_manager_status(struct random_source *source) WARN_UNUSED;
struct lrm_result *random_lrm_result(struct random_source *source) WARN_UNUSED;
struct lrm_status *random_lrm_status(struct random_source *source) WARN_UNUSED;
struct fence_config *random_fence_config(struct random_source *source) WARN_UNUSED;
struct command *random_command(struct random_source *source) WARN_UNUSED;
// Rules over few nodes and resources, so that they touch each other.
struct rule_set *random_rules(struct random_source *source) WARN_UNUSED;

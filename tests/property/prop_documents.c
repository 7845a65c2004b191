// SPDX-License-Identifier: Apache-2.0
// For every document: reading what was written gives the same document, and writing it again the
// same bytes.
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/prng.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/fence_config.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/section_config.h"
#include "common/model/service.h"
#include "tests/lib/fixture.h"
#include "tests/property/random_document.h"

enum { SEEDS = 3000 };

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

// Fails with the seed and the text when the condition does not hold.
#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu: %s: %s", (unsigned long long)seed, #condition, text);             \
        }                                                                                          \
    } while (0)

static void check_json(struct random_source *source, uint64_t seed)
{
    const struct json *json = random_json(source);
    const char *text = json_to_text(source->arena, json);
    struct json *again = NULL;
    check(json_parse(source->arena, text, strlen(text), &again, NULL) == 0);
    check(again->type == json->type);
    check(is_same(json_to_text(source->arena, again), text));
    struct strbuf pretty CLEANUP(strbuf_done) = {0};
    json_format(json, JSON_STYLE_PRETTY, &pretty);
    check(json_parse(source->arena, strbuf_text(&pretty), pretty.size_bytes, &again, NULL) == 0);
    check(is_same(json_to_text(source->arena, again), text));
}

static void check_comment(struct random_source *source, uint64_t seed)
{
    const char *text = random_text(source, 30);
    const char *stored = section_comment_encode(source->arena, text);
    check(is_same(section_comment_decode(source->arena, stored), text));
    check(strpbrk(stored, "\n\t\r") == NULL);
}

static void check_resource(struct random_source *source, uint64_t seed)
{
    const struct resource *resource = random_resource(source);
    struct strbuf out CLEANUP(strbuf_done) = {0};
    resource_format(resource, &out);
    const char *text = strbuf_text(&out);
    struct resource *again = NULL;
    check(resource_parse(source->arena, text, &again, NULL) == 0);
    check(is_same(again->sid, resource->sid));
    check(again->state == resource->state && again->has_state == resource->has_state);
    check(again->failback == resource->failback && again->has_failback == resource->has_failback);
    check(again->max_restart == resource->max_restart &&
          again->has_max_restart == resource->has_max_restart);
    check(again->max_relocate == resource->max_relocate &&
          again->has_max_relocate == resource->has_max_relocate);
    check(is_same(again->group, resource->group));
    check(is_same(again->comment, resource->comment));
}

static void check_guest(struct random_source *source, uint64_t seed)
{
    const struct guest *guest = random_guest(source);
    const char *text = guest_format(source->arena, guest);
    struct guest *again = NULL;
    check(guest_parse(source->arena, text, strlen(text), &again, NULL) == 0);
    check(is_same(again->sid, guest->sid));
    check(is_same(again->node, guest->node));
    check(is_same(again->lock, guest->lock));
    check(again->config.count == guest->config.count);
    map_each (e, &guest->config) {
        check(is_same(map_find(&again->config, e->key), e->value));
    }
}

static void check_service(struct random_source *source, uint64_t seed)
{
    const struct service *service = random_service(source);
    const char *text = service_format(source->arena, service);
    struct service *again = NULL;
    check(service_parse(source->arena, service->sid, text, strlen(text), &again, NULL) == 0);
    check(again->state == service->state);
    check(is_same(again->sid, service->sid));
    check(is_same(again->node, service->node));
    check(is_same(again->uid, service->uid));
    check(is_same(again->target, service->target));
    check(is_same(again->maintenance_node, service->maintenance_node));
    check(again->timeout_s == service->timeout_s);
    check(again->running == service->running);
    check(again->cmd.kind == service->cmd.kind);
    check(again->cmd.timeout_s == service->cmd.timeout_s);
    check(is_same(again->cmd.target, service->cmd.target));
    check(again->failed_nodes_count == service->failed_nodes_count);
    for (size_t i = 0; i < service->failed_nodes_count; i++) {
        check(is_same(again->failed_nodes[i], service->failed_nodes[i]));
    }
}

static void check_manager_status(struct random_source *source, uint64_t seed)
{
    const struct manager_status *status = random_manager_status(source);
    const char *text = manager_status_format(source->arena, status);
    struct manager_status *again = NULL;
    check(manager_status_parse(source->arena, text, strlen(text), &again, NULL) == 0);
    check(is_same(again->master_node, status->master_node));
    check(again->term == status->term);
    check(again->disarm == status->disarm);
    check(again->disarmed == status->disarmed);
    check(again->nodes.count == status->nodes.count);
    map_each (e, &status->nodes) {
        const struct manager_node *node = e->value;
        const struct manager_node *other = map_find(&again->nodes, e->key);
        check(other != NULL);
        check(other->state == node->state);
        check(other->maintenance_requested == node->maintenance_requested);
    }
}

static void check_lrm_status(struct random_source *source, uint64_t seed)
{
    const struct lrm_status *status = random_lrm_status(source);
    const char *text = lrm_status_format(source->arena, status);
    struct lrm_status *again = NULL;
    check(lrm_status_parse(source->arena, text, strlen(text), &again, NULL) == 0);
    check(again->state == status->state);
    check(again->mode == status->mode);
    check(again->timestamp_s == status->timestamp_s);
    check(again->results.count == status->results.count);
    map_each (e, &status->results) {
        const struct lrm_result *result = e->value;
        const struct lrm_result *other = map_find(&again->results, e->key);
        check(other != NULL);
        check(is_same(other->uid, result->uid));
        check(is_same(other->sid, result->sid));
        check(is_same(other->reason, result->reason));
        check(other->state == result->state);
        check(other->exit_code == result->exit_code);
    }
}

static void check_lrm_result(struct random_source *source, uint64_t seed)
{
    const struct lrm_result *result = random_lrm_result(source);
    const char *text = lrm_result_format(source->arena, result);
    struct lrm_result *again = NULL;
    check(lrm_result_parse(source->arena, text, strlen(text), &again, NULL) == 0);
    check(lrm_result_is_equal(again, result));
    struct lrm_result *copy CLEANUP(alloc_freep) = lrm_result_clone(result);
    check(is_same(lrm_result_format(source->arena, copy), text));
}

static void check_command(struct random_source *source, uint64_t seed)
{
    const struct command *command = random_command(source);
    const char *text = command_format(source->arena, command);
    struct command *again = NULL;
    check(command_parse(source->arena, text, strlen(text), &again, NULL) == 0);
    check(is_same(again->id, command->id));
    check(is_same(again->by, command->by));
    check(again->kind == command->kind);
    check(is_same(again->sid, command->sid));
    check(is_same(again->node, command->node));
    check(again->timeout_s == command->timeout_s);
    check(again->disarm == command->disarm);
}

static bool is_same_map(const struct map *a, const struct map *b)
{
    bool same = a->count == b->count;
    map_each (e, a) {
        same = same && map_has(b, e->key) && is_same(map_find(b, e->key), e->value);
    }
    return same;
}

static void check_fence_config(struct random_source *source, uint64_t seed)
{
    const struct fence_config *config = random_fence_config(source);
    const char *text = fence_config_format(source->arena, config);
    struct fence_config *again = NULL;
    check(fence_config_parse(source->arena, text, &again, NULL) == 0);
    check(again->self_test_interval_s == config->self_test_interval_s);
    check(again->devices.count == config->devices.count);
    map_each (e, &config->devices) {
        const struct fence_device *device = e->value;
        const struct fence_device *other = map_find(&again->devices, e->key);
        check(other != NULL);
        check(is_same(other->agent, device->agent));
        check(other->level == device->level);
        check(other->delay_s == device->delay_s);
        check(other->timeout_s == device->timeout_s);
        check(other->disabled == device->disabled);
        check(is_same_map(&device->nodes, &other->nodes));
        check(is_same_map(&device->params, &other->params));
    }
}

static bool is_same_rule(const struct rule *a, const struct rule *b)
{
    if (b == NULL || a->type != b->type || a->order != b->order || a->disabled != b->disabled ||
        a->strict != b->strict || a->has_strict != b->has_strict || a->affinity != b->affinity ||
        !is_same(a->comment, b->comment) || a->resources.count != b->resources.count ||
        a->nodes.count != b->nodes.count) {
        return false;
    }
    map_each (e, &a->resources) {
        if (!map_has(&b->resources, e->key)) {
            return false;
        }
    }
    map_each (e, &a->nodes) {
        const struct rule_node *node = e->value;
        const struct rule_node *other = map_find(&b->nodes, e->key);
        if (other == NULL || other->priority != node->priority) {
            return false;
        }
    }
    return true;
}

static void check_rules(struct random_source *source, uint64_t seed)
{
    const struct rule_set *set = random_rules(source);
    struct strbuf out CLEANUP(strbuf_done) = {0};
    rule_set_format(set, &out);
    const char *text = strbuf_text(&out);
    struct rule_set again;
    check(rule_set_parse(source->arena, text, out.size_bytes, &again, NULL) == 0);
    check(again.warnings_count == 0);
    check(again.rules.count == set->rules.count);
    map_each (e, &set->rules) {
        check(is_same_rule(e->value, map_find(&again.rules, e->key)));
    }
}

static void run(void (*property)(struct random_source *source, uint64_t seed))
{
    struct arena *arena = arena_new();
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct random_source source = {arena, &prng};
        property(&source, seed);
        arena_clear(arena);
    }
    arena_free(arena);
}

#define document_test(name)                                                                        \
    static void name##_read_is_what_was_written(void **state)                                      \
    {                                                                                              \
        (void)state;                                                                               \
        run(check_##name);                                                                         \
    }
document_test(json) document_test(comment) document_test(resource) document_test(guest)
    document_test(service) document_test(manager_status) document_test(lrm_status)
        document_test(lrm_result) document_test(command) document_test(rules)
            document_test(fence_config)

                int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_read_is_what_was_written),
        cmocka_unit_test(comment_read_is_what_was_written),
        cmocka_unit_test(resource_read_is_what_was_written),
        cmocka_unit_test(guest_read_is_what_was_written),
        cmocka_unit_test(service_read_is_what_was_written),
        cmocka_unit_test(manager_status_read_is_what_was_written),
        cmocka_unit_test(lrm_status_read_is_what_was_written),
        cmocka_unit_test(lrm_result_read_is_what_was_written),
        cmocka_unit_test(command_read_is_what_was_written),
        cmocka_unit_test(rules_read_is_what_was_written),
        cmocka_unit_test(fence_config_read_is_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

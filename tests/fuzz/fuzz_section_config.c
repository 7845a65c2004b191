// SPDX-License-Identifier: Apache-2.0
// Any bytes as a section file, and as files of resources, rules, groups and storages: what is read
// is written, and that reads without a warning and is written as the same bytes.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/groups.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/section_config.h"
#include "common/model/storage.h"
#include "tests/fuzz/fuzz.h"

static void write_sections(const struct section_file *file, struct strbuf *out)
{
    for (size_t i = 0; i < file->count; i++) {
        const struct section *section = &file->sections[i];
        section_format_begin(out, section->type, section->id);
        for (size_t k = 0; k < section->count; k++) {
            section_format_property(out, section->properties[k].key, section->properties[k].value);
        }
        section_format_end(out);
    }
}

static void fuzz_resource(struct arena *arena, const struct section *section)
{
    struct resource *resource = NULL;
    if (resource_from_section(arena, section, &resource, NULL) < 0) {
        return;
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct strbuf again CLEANUP(strbuf_done) = {0};
    resource_format(resource, &text);
    int r = resource_parse(arena, strbuf_text(&text), &resource, NULL);
    assert(r == 0);
    resource_format(resource, &again);
    assert(strcmp(strbuf_text(&text), strbuf_text(&again)) == 0);
}

static void fuzz_rules(struct arena *arena, const char *data, size_t size_bytes)
{
    struct rule_set set;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct strbuf again CLEANUP(strbuf_done) = {0};
    int r = rule_set_parse(arena, data, size_bytes, &set, NULL);
    assert(r == 0);
    rule_set_format(&set, &text);
    r = rule_set_parse(arena, strbuf_text(&text), text.size_bytes, &set, NULL);
    assert(r == 0);
    assert(set.warnings_count == 0);
    rule_set_format(&set, &again);
    assert(strcmp(strbuf_text(&text), strbuf_text(&again)) == 0);
}

static void fuzz_groups(struct arena *arena, const char *data, size_t size_bytes)
{
    struct group_set set;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct strbuf again CLEANUP(strbuf_done) = {0};
    int r = group_set_parse(arena, data, size_bytes, &set, NULL);
    assert(r == 0);
    group_set_format(&set, &text);
    r = group_set_parse(arena, strbuf_text(&text), text.size_bytes, &set, NULL);
    assert(r == 0);
    assert(set.warnings_count == 0);
    group_set_format(&set, &again);
    assert(strcmp(strbuf_text(&text), strbuf_text(&again)) == 0);
}

static void fuzz_storage(struct arena *arena, const char *data)
{
    struct storage *storage = NULL;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct strbuf again CLEANUP(strbuf_done) = {0};
    if (storage_parse(arena, data, &storage, NULL) < 0) {
        return;
    }
    assert(storage->path[0] == '/');
    storage_format(storage, &text);
    int r = storage_parse(arena, strbuf_text(&text), &storage, NULL);
    assert(r == 0);
    storage_format(storage, &again);
    assert(strcmp(strbuf_text(&text), strbuf_text(&again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct section_file file;
    if (section_file_parse(arena, (const char *)data, size_bytes, &file, NULL) < 0) {
        return 0;
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct strbuf again CLEANUP(strbuf_done) = {0};
    write_sections(&file, &text);
    for (size_t i = 0; i < file.count; i++) {
        fuzz_resource(arena, &file.sections[i]);
    }
    int r = section_file_parse(arena, strbuf_text(&text), text.size_bytes, &file, NULL);
    assert(r == 0);
    assert(file.warnings_count == 0);
    write_sections(&file, &again);
    assert(strcmp(strbuf_text(&text), strbuf_text(&again)) == 0);
    fuzz_rules(arena, (const char *)data, size_bytes);
    fuzz_groups(arena, (const char *)data, size_bytes);
    fuzz_storage(arena, arena_memdup(arena, data, size_bytes));
    return 0;
}

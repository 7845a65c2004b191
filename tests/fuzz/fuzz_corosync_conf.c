// SPDX-License-Identifier: Apache-2.0
// Any bytes as corosync.conf: what is read is written, and that reads as the same; a node can be
// added and admitted, and nothing else changes.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/corosync_conf.h"
#include "tests/fuzz/fuzz.h"

static struct corosync_conf *read_again(struct arena *arena, const char *text)
{
    struct corosync_conf *conf = NULL;
    int r = corosync_conf_parse(arena, "again", text, strlen(text), &conf, NULL);
    assert(r == 0);
    assert(strcmp(corosync_conf_format(arena, conf), text) == 0);
    return conf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct corosync_conf *conf = NULL;
    if (corosync_conf_parse(arena, "fuzz", (const char *)data, size_bytes, &conf, NULL) < 0) {
        return 0;
    }
    const char *text = corosync_conf_format(arena, conf);
    conf = read_again(arena, text);
    size_t before = 0;
    size_t after = 0;
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &before);
    int64_t version = corosync_conf_version(conf);
    const char *links[COROSYNC_LINKS_MAX] = {"192.0.2.1"};
    for (size_t i = 1; before > 0 && i < COROSYNC_LINKS_MAX; i++) {
        links[i] = nodes[0].addresses[i] != NULL ? "192.0.2.2" : NULL;
    }
    if (corosync_conf_add_node(conf, "fuzz-node", links, NULL) < 0) {
        assert(strcmp(corosync_conf_format(arena, conf), text) == 0);
        return 0;
    }
    conf = read_again(arena, corosync_conf_format(arena, conf));
    nodes = corosync_conf_nodes(conf, &after);
    assert(after == before + 1 && nodes != NULL);
    assert(corosync_conf_version(conf) == version + 1);
    assert(corosync_conf_find_node(conf, "fuzz-node")->joining == (before > 0));
    corosync_conf_admit_node(conf, "fuzz-node");
    conf = read_again(arena, corosync_conf_format(arena, conf));
    assert(!corosync_conf_find_node(conf, "fuzz-node")->joining);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Backup files: what is written is read, and a file that was cut or changed is refused.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/backup.h"
#include "tests/lib/fixture.h"

static const struct backup_file files[] = {
    {"authkey", "\0\1\2\377", 4},
    {"corosync.conf", "totem {\n}\n", 10},
};

static const struct backup_entry entries[] = {
    {"config/rules", "node-affinity: r1\n\tnodes \"n1\"\n", 31, 7},
    {"guest/ct:1", "", 0, 1},
    {"resource/ct:1", NULL, 0, 9},
    {"storage/x", "\377bytes\0more", 11, UINT64_C(1) << 41},
};

static const struct backup sample = {
    .kind = BACKUP_KIND_BACKUP,
    .node = "n1",
    .cluster = "c",
    .software = "1.0",
    .created_s = 1000,
    .epoch = 3,
    .version = 9,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .entries = entries,
    .entries_count = ARRAY_SIZE(entries),
};

static void written_backup_is_read_as_it_was(void **state)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct backup backup = {0};
    struct error err = {0};
    backup_format(&sample, &text);
    assert_int_equal(backup_parse(*state, text.text, text.size_bytes, &backup, &err), 0);
    assert_string_equal(backup.kind, "backup");
    assert_string_equal(backup.node, "n1");
    assert_string_equal(backup.cluster, "c");
    assert_string_equal(backup.software, "1.0");
    assert_int_equal(backup.created_s, 1000);
    assert_int_equal(backup.epoch, 3);
    assert_int_equal(backup.version, 9);
    assert_int_equal(backup.files_count, 2);
    assert_int_equal(backup.entries_count, 4);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(backup.files[i].name, files[i].name);
        assert_int_equal(backup.files[i].size_bytes, files[i].size_bytes);
        assert_memory_equal(backup.files[i].data, files[i].data, files[i].size_bytes);
    }
    for (size_t i = 0; i < 4; i++) {
        const struct backup_entry *entry = backup_find(&backup, entries[i].key);
        assert_non_null(entry);
        assert_int_equal(entry->version, entries[i].version);
        assert_int_equal(entry->size_bytes, entries[i].size_bytes);
        assert_true((entry->value == NULL) == (entries[i].value == NULL));
        if (entry->value != NULL) {
            assert_memory_equal(entry->value, entries[i].value, entry->size_bytes);
        }
    }
    assert_null(backup_find(&backup, "config/absent"));
    // Writing what was read gives the same bytes.
    struct strbuf again CLEANUP(strbuf_done) = {0};
    backup_format(&backup, &again);
    assert_string_equal(again.text, text.text);
}

static void empty_backup_is_one(void **state)
{
    struct backup empty = {.kind = BACKUP_KIND_SET_ASIDE, .software = "1"};
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct backup backup = {.entries_count = 99};
    backup_format(&empty, &text);
    assert_int_equal(backup_parse(*state, text.text, text.size_bytes, &backup, NULL), 0);
    assert_int_equal(backup.entries_count, 0);
    assert_null(backup.cluster);
    assert_null(backup_find(&backup, "x"));
}

static void changed_or_cut_backup_is_refused(void **state)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct backup backup = {.entries_count = 99};
    backup_format(&sample, &text);
    for (size_t at = 0; at < text.size_bytes; at++) {
        struct error err = {0};
        text.text[at] ^= 0x04;
        int r = backup_parse(*state, text.text, text.size_bytes, &backup, &err);
        text.text[at] ^= 0x04;
        if (r != -EBADMSG || err.text[0] == '\0') {
            fail_msg("byte %zu changed: %d", at, r);
        }
        r = backup_parse(*state, text.text, at, &backup, &err);
        if (r != -EBADMSG) {
            fail_msg("cut at byte %zu: %d", at, r);
        }
    }
    assert_int_equal(backup.entries_count, 99);
}

static void newer_form_is_refused_in_words(void **state)
{
    struct backup backup;
    struct error err = {0};
    // The line with the sum over it is made by hand.
    static const char newer[] =
        "{\"form\":2,\"format\":\"ha-manager-backup\",\"software\":\"9.9\"}\n"
        "{\"entries\":0,\"sha256\":\"d09cc34d5f7b7e37b28b320320439605"
        "1788634bbe0b5534f66a36aa584261ab\"}\n";
    assert_int_equal(backup_parse(*state, newer, strlen(newer), &backup, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "9.9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(written_backup_is_read_as_it_was),
        fixture_test(empty_backup_is_one),
        fixture_test(changed_or_cut_backup_is_refused),
        fixture_test(newer_form_is_refused_in_words),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}

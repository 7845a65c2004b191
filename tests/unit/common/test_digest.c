// SPDX-License-Identifier: Apache-2.0
// Digests by published vectors; base64 accepts canonical text only.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "tests/lib/fixture.h"

static void digest_of_published_vectors_is_right(void **state)
{
    struct arena *arena = *state;
    assert_string_equal(digest_sha1_hex(arena, "", 0), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_string_equal(digest_sha1_hex(arena, "abc", 3),
                        "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(digest_sha256_hex(arena, "", 0),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(digest_sha256_hex(arena, "abc", 3),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void base64_of_published_vectors_round_trips(void **state)
{
    static const struct {
        const char *plain;
        const char *text;
    } rows[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *data = NULL;
        size_t size = 99;
        const char *text = digest_base64_encode(*state, rows[i].plain, strlen(rows[i].plain));
        fixture_row(rows[i].text, strcmp(text, rows[i].text) == 0);
        fixture_row(rows[i].text, digest_base64_decode(*state, text, &data, &size) == 0);
        fixture_row(rows[i].text, size == strlen(rows[i].plain));
        fixture_row(rows[i].text, strcmp(data, rows[i].plain) == 0);
    }
}

static void base64_of_all_bytes_round_trips(void **state)
{
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)i;
    }
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        char *data = NULL;
        size_t decoded = 0;
        const char *text = digest_base64_encode(*state, bytes, size);
        assert_int_equal(digest_base64_decode(*state, text, &data, &decoded), 0);
        assert_int_equal(decoded, size);
        assert_memory_equal(data, bytes, size);
    }
}

static void base64_not_canonical_is_refused(void **state)
{
    static const char *const rows[] = {"Zg",    "Zg=",        "Zg===", "Zh==",     "Zg==\n",
                                       " Zg==", "Zm9v ",      "====",  "Z===",     "Zm=v",
                                       "Zm9*",  "Zm9v\nZm9v", "=Zm9",  "Zg==Zg==", "Zm9-"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *data = NULL;
        size_t size = 99;
        fixture_row(rows[i], digest_base64_decode(*state, rows[i], &data, &size) == -EINVAL);
        fixture_row(rows[i], data == NULL && size == 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(digest_of_published_vectors_is_right),
        fixture_test(base64_of_published_vectors_round_trips),
        fixture_test(base64_of_all_bytes_round_trips),
        fixture_test(base64_not_canonical_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

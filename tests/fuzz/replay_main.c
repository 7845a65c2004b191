// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over every file of a corpus and over fixed mutations of each, as a normal
// test. A broken promise aborts the target, and the test with it.
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/prng.h"
#include "common/base/strbuf.h"
#include "tests/fuzz/fuzz.h"

enum { MUTATIONS = 10000, MUTATION_STEPS_MAX = 4, BLOCK_BYTES = 4096 };

static bool read_file(const char *path, struct strbuf *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    char block[BLOCK_BYTES];
    size_t size_bytes = 0;
    while ((size_bytes = fread(block, 1, sizeof(block), file)) > 0) {
        strbuf_append_bytes(out, block, size_bytes);
    }
    bool ok = ferror(file) == 0;
    return fclose(file) == 0 && ok;
}

// A copy of exactly the bytes, so that reading past the end is seen by the sanitizers.
static void run_once(const struct strbuf *input)
{
    uint8_t *data = alloc_memdup(input->size_bytes > 0 ? input->text : "", input->size_bytes);
    (void)LLVMFuzzerTestOneInput(data, input->size_bytes); // always 0
    free(data);
}

// Changes, removes or repeats a piece.
static void mutate(struct prng *prng, const struct strbuf *input, struct strbuf *out)
{
    static const char bytes[] = "\"\\{}[]:,=;#% \t\n\r019azAZ-_.\x01\x7f\x80\xc3\xff";
    size_t size_bytes = input->size_bytes;
    size_t start = prng_below(prng, size_bytes + 1);
    size_t length = prng_below(prng, size_bytes - start + 1);
    const char *text = strbuf_text(input);
    strbuf_append_bytes(out, text, start);
    switch (prng_below(prng, 4)) {
    case 0: // put one byte in
        strbuf_append_char(out, bytes[prng_below(prng, sizeof(bytes))]);
        strbuf_append_bytes(out, text + start, size_bytes - start);
        break;
    case 1: // replace one byte
        strbuf_append_char(out, bytes[prng_below(prng, sizeof(bytes))]);
        if (start < size_bytes) {
            strbuf_append_bytes(out, text + start + 1, size_bytes - start - 1);
        }
        break;
    case 2: // leave a piece out
        strbuf_append_bytes(out, text + start + length, size_bytes - start - length);
        break;
    default: // a piece twice
        strbuf_append_bytes(out, text + start, length);
        strbuf_append_bytes(out, text + start, size_bytes - start);
        break;
    }
}

static void run_mutated(const struct strbuf *input)
{
    struct prng prng;
    prng_init(&prng, 1);
    for (int i = 0; i < MUTATIONS; i++) {
        struct strbuf now = {0};
        strbuf_append_bytes(&now, strbuf_text(input), input->size_bytes);
        uint64_t steps = 1 + prng_below(&prng, MUTATION_STEPS_MAX);
        for (uint64_t step = 0; step < steps; step++) {
            struct strbuf next = {0};
            mutate(&prng, &now, &next);
            strbuf_done(&now);
            now = next;
        }
        run_once(&now);
        strbuf_done(&now);
    }
}

static int skip_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]); // nothing to do about it
        return 2;
    }
    int count = scandir(argv[1], &entries, skip_dots, alphasort);
    if (count <= 0) {
        (void)fprintf(stderr, "no corpus in '%s'\n", argv[1]); // nothing to do about it
        return 1;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        struct strbuf path CLEANUP(strbuf_done) = {0};
        struct strbuf input CLEANUP(strbuf_done) = {0};
        strbuf_appendf(&path, "%s/%s", argv[1], entries[i]->d_name);
        bool ok = read_file(strbuf_text(&path), &input);
        // Told before the target runs, so that the log names the file that ends it.
        printf("# %s\n", entries[i]->d_name);
        (void)fflush(stdout); // only the log depends on it
        if (ok) {
            run_once(&input);
            run_mutated(&input);
        }
        printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

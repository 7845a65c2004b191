// SPDX-License-Identifier: Apache-2.0
// usage: api_transcript DOCUMENTS CALLS
//
// Carries out the calls of a script on the documents of another, in memory, and prints what each
// was answered and what it caused. Lines of scripts, of which empty ones and those with '#' are
// skipped:
//     put KEY VALUE           into the store; \n and \t in the value
//     user NAME               who calls from now on
//     offline NODE            it has left; online NODE: it is back
//     quorum 0                this node is alone; 1: it is not
//     VERB PATH name=value…   a call, with "+" for blanks
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "tests/lib/api_fixture.h"

enum { SCRIPT_MAX = 1024 * 1024 };

static const char *unescape(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text);
    size_t length = 0;
    for (const char *c = text; *c != '\0'; c++) {
        bool escape = *c == '\\' && (c[1] == 'n' || c[1] == 't');
        out[length++] = escape ? (c[1] == 'n' ? '\n' : '\t') : *c;
        c += escape ? 1 : 0;
    }
    out[length] = '\0';
    return out;
}

static void print_answer(struct arena *arena, const struct api_answer *answer)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    printf("%d%s%s\n", answer->status, answer->message != NULL ? " " : "",
           answer->message != NULL ? answer->message : "");
    if (answer->errors != NULL) {
        json_each (e, answer->errors) {
            const struct json *words = e->value;
            printf("  %s: %s\n", e->key, words->string);
        }
    }
    if (answer->status == 200 && answer->data == NULL) {
        printf("null\n");
    } else if (answer->status == 200 && answer->data->type == JSON_TYPE_ARRAY) {
        for (size_t i = 0; i < answer->data->count; i++) {
            printf("- %s\n", json_to_text(arena, answer->data->items[i]));
        }
    } else if (answer->status == 200) {
        json_format(answer->data, JSON_STYLE_PRETTY, &text);
        printf("%s\n", strbuf_text(&text));
    }
    const char *const others[][2] = {
        {"told", answer->told}, {"task", answer->task}, {"stored", answer->changes}};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        for (const char *at = others[i][1]; *at != '\0';) {
            size_t length = strcspn(at, "\n");
            printf("%s: %.*s\n", others[i][0], (int)length, at);
            at += length + (at[length] == '\n' ? 1 : 0);
        }
    }
    printf("\n");
}

static void set_member(struct api_fixture *f, const char *node, bool online)
{
    struct fake_membership *members = api_fixture_members(f);
    for (size_t i = 0; i < members->list.count; i++) {
        if (strcmp(members->members[i].node, node) == 0) {
            members->members[i].online = online;
        }
    }
}

// The first word of the line, and the rest.
static const char *split(char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0') {
        *rest++ = '\0';
        rest += strspn(rest, " ");
    }
    return rest;
}

static void run_line(struct arena *arena, struct api_fixture *f, char *line)
{
    const char *rest = split(line);
    if (strcmp(line, "put") == 0) {
        char *key = arena_strdup(arena, rest);
        api_fixture_put(f, key, unescape(arena, split(key)));
    } else if (strcmp(line, "user") == 0) {
        api_fixture_user(f, rest);
        printf("%s %s\n\n", line, rest);
    } else if (strcmp(line, "offline") == 0 || strcmp(line, "online") == 0) {
        set_member(f, rest, line[1] == 'n');
        printf("%s %s\n\n", line, rest);
    } else if (strcmp(line, "quorum") == 0) {
        api_fixture_members(f)->list.quorate = rest[0] == '1';
        printf("%s %s\n\n", line, rest);
    } else {
        char *path = arena_strdup(arena, rest);
        const char *form = split(path);
        printf("%s %s%s%s\n", line, path, form[0] != '\0' ? " " : "", form);
        struct api_answer answer = api_fixture_call(f, line, path, form);
        print_answer(arena, &answer);
    }
}

static int run_script(struct arena *arena, struct api_fixture *f, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    struct error err = {0};
    if (file_read(arena, path, SCRIPT_MAX, &text, &size, &err) < 0) {
        fprintf(stderr, "api_transcript: %s\n", err.text);
        return EXIT_FAILURE;
    }
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char *line = arena_memdup(arena, text, length);
        if (length > 0 && line[0] != '#') {
            run_line(arena, f, line);
        }
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct api_fixture *f = api_fixture_new();
    int r = argc < 2 ? EXIT_FAILURE : 0;
    for (int i = 1; r == 0 && i < argc; i++) {
        r = run_script(arena, f, argv[i]);
    }
    api_fixture_free(f);
    arena_free(arena);
    return r;
}

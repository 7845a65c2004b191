// SPDX-License-Identifier: Apache-2.0
// ha-notify-send: posts one notification. It reads what and where from standard input (never from
// arguments or environment, which others can see) and ends with status 0 when that was taken; else
// its last line says why. Who starts it has given up privileges and set the limits
// (notify_send.c). Nothing but the message and its secret is ever in its memory.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "api/notify/webhook.h"
#include "api/notify/webhook_job.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"

enum { CHUNK_BYTES = 16 * 1024 };

static int input_read(struct strbuf *text, struct error *err)
{
    for (;;) { // bounded by WEBHOOK_JOB_MAX
        char chunk[CHUNK_BYTES];
        ssize_t size = read(STDIN_FILENO, chunk, sizeof(chunk));
        if (size < 0 && errno != EINTR) {
            return error_set_errno(err, -errno, "cannot read the message");
        }
        if (size == 0) {
            return 0;
        }
        strbuf_append_bytes(text, chunk, size > 0 ? (size_t)size : 0);
        if (text->size_bytes > WEBHOOK_JOB_MAX) {
            return error_set(err, -EFBIG, "the message is too long");
        }
    }
}

int main(void)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct webhook webhook;
    struct error err = {0};
    // What it is about to read is nobody's whose user it shares.
    int r = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0
                ? error_set_errno(&err, -errno, "cannot close the process to others")
                : input_read(&text, &err);
    if (r == 0) {
        r = webhook_job_parse(arena, strbuf_text(&text), text.size_bytes, &webhook, &err);
        r = r < 0 ? error_prefix(&err, "cannot read the message") : 0;
    }
    r = r < 0 ? r : webhook_post(arena, &webhook, &err);
    if (r < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
    }
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

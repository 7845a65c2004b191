// SPDX-License-Identifier: Apache-2.0
// Questions on the terminal, on standard error, so that standard output stays what a program reads.
#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"

enum { LINE_MAX_BYTES = 4096 };

bool terminal_is_there(void)
{
    return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

static int line_read(struct arena *arena, char **ret, struct error *err)
{
    char line[LINE_MAX_BYTES];
    if (fgets(line, sizeof(line), stdin) == NULL) {
        return error_set(err, -ENODATA, "no answer");
    }
    size_t length = strcspn(line, "\r\n");
    if (line[length] == '\0') {
        return error_set(err, -ENODATA, "the answer is too long, or its end is missing");
    }
    *ret = arena_memdup(arena, line, length);
    explicit_bzero(line, sizeof(line));
    return 0;
}

int terminal_ask(struct arena *arena, const char *question, bool hidden, char **ret,
                 struct error *err)
{
    struct termios before;
    if (!terminal_is_there() || tcgetattr(STDIN_FILENO, &before) < 0) {
        return error_set(err, -ENOTTY, "there is no terminal to ask on");
    }
    if (hidden) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0) {
            return error_set_errno(err, -errno, "cannot hide what is typed");
        }
    }
    (void)fprintf(stderr, "%s", question); // only now, since what was typed before is dropped
    int r = line_read(arena, ret, err);
    if (hidden) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fprintf(stderr, "\n");
    }
    return r;
}

// SPDX-License-Identifier: Apache-2.0
// Error texts: formatting only.
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (err == NULL) {
        return code;
    }
    // The arguments may point into the text that is replaced.
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // a long text is cut
    va_end(args);
    memcpy(err->text, text, sizeof(text));
    err->code = code;
    return code;
}

int error_set_errno(struct error *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (err == NULL) {
        return code;
    }
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // a long text is cut
    va_end(args);
    const char *words = strerrordesc_np(-code);
    return error_set(err, code, "%s: %s", text, words != NULL ? words : "unknown error");
}

int error_prefix(struct error *err, const char *format, ...)
{
    if (err == NULL) {
        return -EINVAL;
    }
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // a long text is cut
    va_end(args);
    return error_set(err, err->code, "%s: %s", text, err->text);
}

void error_clear(struct error *err)
{
    if (err != NULL) {
        err->code = 0;
        err->text[0] = '\0';
    }
}

// SPDX-License-Identifier: Apache-2.0
// A POST from and to JSON.
#include "api/notify/webhook_job.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

char *webhook_job_format(struct arena *arena, const struct webhook *webhook)
{
    struct json *document = json_new_object(arena);
    json_put_string(document, "url", webhook->url);
    json_put_string(document, "cafile", webhook->cafile);
    json_put_string(document, "header", webhook->header);
    json_put_string(document, "secret", webhook->secret);
    json_put_string(document, "body", webhook->body);
    return json_to_text(arena, document);
}

int webhook_job_parse(struct arena *arena, const char *text, size_t size_bytes, struct webhook *ret,
                      struct error *err)
{
    struct json *document = NULL;
    struct webhook webhook = {0};
    const struct {
        const char *key;
        const char **value;
        bool required;
    } rows[] = {{"url", &webhook.url, true},
                {"cafile", &webhook.cafile, false},
                {"header", &webhook.header, false},
                {"secret", &webhook.secret, false},
                {"body", &webhook.body, true}};
    int r = json_parse(arena, text, size_bytes, &document, err);
    if (r < 0) {
        return r;
    }
    if (document->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "it is not an object");
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool given = json_find(document, rows[i].key) != NULL;
        r = given || rows[i].required ? json_get_string(document, rows[i].key, rows[i].value, err)
                                      : 0;
        // The body is data; the others become lines of the request.
        if (r == 0 && given && rows[i].value != &webhook.body &&
            strpbrk(*rows[i].value, "\r\n") != NULL) {
            r = error_set(err, -EINVAL, "key '%s': more than a line", rows[i].key);
        }
        if (r < 0) {
            return r;
        }
    }
    *ret = webhook;
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// A POST through libcurl.
#include "api/notify/webhook.h"

#include <curl/curl.h>
#include <errno.h>
#include <stddef.h>

#include "api/notify/webhook_job.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/notify_config.h"

#define AGENT "ha-manager"

enum { CONNECT_TIMEOUT_S = 5, TIMEOUT_S = 15, ANSWER_MAX = 64 * 1024 };

// What is answered beside the status is of no interest; one that never ends is cut.
static size_t answer_drop(char *data, size_t size, size_t count, void *userdata)
{
    size_t *taken = userdata;
    (void)data;
    *taken += size * count;
    return *taken > ANSWER_MAX ? 0 : size * count;
}

static struct curl_slist *headers_make(struct arena *arena, const struct webhook *webhook)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    const char *line = NULL;
    if (webhook->secret != NULL && webhook->header != NULL) {
        line = arena_printf(arena, "%s: %s", webhook->header, webhook->secret);
    } else if (webhook->secret != NULL) {
        line = arena_printf(arena, "Authorization: Bearer %s", webhook->secret);
    }
    if (list != NULL && line != NULL) {
        struct curl_slist *longer = curl_slist_append(list, line);
        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    return list;
}

// The first option that libcurl does not take, or CURLE_OK.
static CURLcode options_set(CURL *curl, const struct webhook *webhook, struct curl_slist *headers,
                            size_t *taken)
{
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, webhook->url);
#define SET(option, value) code = code == CURLE_OK ? curl_easy_setopt(curl, option, value) : code
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    SET(CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    SET(CURLOPT_USERAGENT, AGENT);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, webhook->body);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, answer_drop);
    SET(CURLOPT_WRITEDATA, taken);
    if (webhook->cafile != NULL) {
        SET(CURLOPT_CAINFO, webhook->cafile);
    }
#undef SET
    return code;
}

static int post(CURL *curl, const struct webhook *webhook, struct curl_slist *headers,
                struct error *err)
{
    long status = 0;
    size_t taken = 0;
    CURLcode code = options_set(curl, webhook, headers, &taken);
    code = code == CURLE_OK ? curl_easy_perform(curl) : code;
    if (code == CURLE_OK) {
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    if (code != CURLE_OK) {
        return error_set(err, -EIO, "cannot post to the webhook: %s", curl_easy_strerror(code));
    }
    if (status < 200 || status > 299) {
        return error_set(err, -EIO, "the webhook answered with status %ld", status);
    }
    return 0;
}

int webhook_post(struct arena *arena, const struct webhook *webhook, struct error *err)
{
    if (webhook->secret != NULL && !notify_url_keeps_secrets(webhook->url)) {
        return error_set(err, -EPERM, "a secret goes out over https only");
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return error_set(err, -EIO, "cannot begin with libcurl");
    }
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = headers_make(arena, webhook);
    int r = curl != NULL && headers != NULL ? post(curl, webhook, headers, err)
                                            : error_set(err, -EIO, "cannot begin with libcurl");
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return r;
}

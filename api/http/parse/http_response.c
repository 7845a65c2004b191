// SPDX-License-Identifier: Apache-2.0
// Writes and reads heads of answers.
#include "api/http/parse/http_response.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"

#define SERVER_NAME "pve-api-daemon/3.0"

static const char *status_words(int status)
{
    static const struct {
        int status;
        const char *words;
    } table[] = {
        {200, "OK"},
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {424, "Failed Dependency"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {595, "Connection failed"},
        {596, "Connection lost"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (table[i].status == status) {
            return table[i].words;
        }
    }
    return status < 400 ? "OK" : "Error";
}

const char *http_reason(struct arena *arena, int status, const char *message)
{
    size_t size = message != NULL ? strcspn(message, "\r\n") : 0;
    char *text = arena_memdup(arena, message != NULL ? message : "", size);
    size_t length = 0;
    while (length < size) {
        size_t step = utf8_length(text + length, size - length);
        step = step == 0 ? 1 : step;
        if (length + step > HTTP_REASON_MAX) {
            break;
        }
        unsigned char c = (unsigned char)text[length];
        text[length] = c < 0x20 || c == 0x7f ? ' ' : text[length];
        length += step;
    }
    text[length] = '\0';
    return text[strspn(text, " ")] != '\0' ? text : status_words(status);
}

// Days since 1970 to a date of the Gregorian calendar, by eras of 400 years that begin in March.
static void date_of_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    *ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = year + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

void http_date_format(int64_t seconds, char buffer[HTTP_DATE_BYTES])
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t year;
    int month;
    int day;
    seconds = seconds < 0 ? 0 : seconds % (INT64_C(253402300800)); // up to the year 9999
    date_of_days(seconds / 86400, &year, &month, &day);
    int64_t rest = seconds % 86400;
    (void)snprintf(buffer, HTTP_DATE_BYTES, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                   days[seconds / 86400 % 7], day % 100, months[(month - 1) % 12],
                   (int)(year % 10000), (int)(rest / 3600), (int)(rest / 60 % 60),
                   (int)(rest % 60));
}

void http_response_format(const struct http_response *response, struct strbuf *out)
{
    char date[HTTP_DATE_BYTES];
    http_date_format(response->date_s, date);
    strbuf_appendf(out, "HTTP/1.%d %d %s\r\n", response->minor, response->status, response->reason);
    strbuf_appendf(out, "Date: %s\r\nServer: " SERVER_NAME "\r\nConnection: %s\r\n", date,
                   response->keep_alive ? "keep-alive" : "close");
    if (response->extra == NULL || strstr(response->extra, "Cache-Control:") == NULL) {
        strbuf_append(out, "Cache-Control: max-age=0\r\nPragma: no-cache\r\n");
    }
    if (response->content_type != NULL) {
        strbuf_appendf(out, "Content-Type: %s\r\n", response->content_type);
    }
    if (response->length >= 0) {
        strbuf_appendf(out, "Content-Length: %lld\r\n", (long long)response->length);
    }
    if (response->chunked) {
        strbuf_append(out, "Transfer-Encoding: chunked\r\n");
    }
    strbuf_append(out, response->extra != NULL ? response->extra : "");
    strbuf_append(out, "\r\n");
}

// --- answers of others ---------------------------------------------------------------------------

static int status_line_read(struct arena *arena, const char *line, struct http_reply *reply,
                            struct error *err)
{
    int64_t status;
    bool good = strncmp(line, "HTTP/1.", 7) == 0 && (line[7] == '0' || line[7] == '1') &&
                line[8] == ' ' && strlen(line) >= 12 && (line[12] == ' ' || line[12] == '\0') &&
                parse_int64(arena_memdup(arena, line + 9, 3), 200, 599, &status) == 0;
    if (!good) {
        return error_set(err, -EPROTO, "no status line");
    }
    reply->status = (int)status;
    reply->keep_alive = line[7] == '1';
    reply->reason = http_reason(arena, reply->status, line[12] == ' ' ? line + 13 : NULL);
    return 0;
}

static int reply_header_read(struct arena *arena, char *line, struct http_reply *reply,
                             struct error *err)
{
    char *colon = strchr(line, ':');
    if (colon == NULL) {
        return error_set(err, -EPROTO, "a bad header");
    }
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(line, "Content-Type") == 0) {
        reply->content_type = arena_strdup(arena, value);
    }
    if (strcasecmp(line, "Connection") == 0 && strcasecmp(value, "keep-alive") != 0) {
        reply->keep_alive = false;
    }
    if (strcasecmp(line, "Transfer-Encoding") == 0 || strcasecmp(line, "Content-Encoding") == 0) {
        return error_set(err, -EPROTO, "an encoding that was not asked for");
    }
    if (strcasecmp(line, "Content-Length") == 0 &&
        parse_int64(value, 0, HTTP_RESPONSE_BODY_MAX, &reply->length) < 0) {
        return error_set(err, -EPROTO, "a bad Content-Length");
    }
    return 0;
}

int http_reply_read(struct arena *arena, const char *bytes, size_t size_bytes,
                    struct http_reply *ret, struct error *err)
{
    const char *end = memmem(bytes, size_bytes, "\r\n\r\n", 4);
    if (end == NULL) {
        return size_bytes > HTTP_RESPONSE_HEAD_MAX ? error_set(err, -EPROTO, "a head without end")
                                                   : 0;
    }
    struct http_reply reply = {.head_bytes = (size_t)(end - bytes) + 4, .length = -1};
    char *line = arena_memdup(arena, bytes, (size_t)(end - bytes) + 2);
    if (memchr(line, '\0', (size_t)(end - bytes)) != NULL) {
        return error_set(err, -EPROTO, "a bad header");
    }
    bool first = true;
    while (*line != '\0') {
        char *stop = strstr(line, "\r\n");
        assert(stop != NULL);
        *stop = '\0';
        int r = first ? status_line_read(arena, line, &reply, err)
                      : reply_header_read(arena, line, &reply, err);
        if (r < 0) {
            return r;
        }
        first = false;
        line = stop + 2;
    }
    if (first) {
        return error_set(err, -EPROTO, "no status line");
    }
    *ret = reply;
    return 1;
}

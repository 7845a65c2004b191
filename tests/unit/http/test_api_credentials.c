// SPDX-License-Identifier: Apache-2.0
// Tickets and tokens in headers.
#include <stddef.h>
#include <string.h>

#include "api/http/parse/api_credentials.h"
#include "api/http/parse/http_head.h"
#include "common/base/arena.h"
#include "tests/lib/fixture.h"

static bool text_is(const char *text, const char *wanted)
{
    return text == NULL || wanted == NULL ? text == wanted : strcmp(text, wanted) == 0;
}

static struct api_credentials read_from(struct arena *arena, const char *name, const char *value)
{
    struct http_head head = {.headers = {{name, value}}, .headers_count = 1};
    struct api_credentials credentials;
    assert_int_equal(api_credentials_read(arena, &head, &credentials, NULL), 0);
    return credentials;
}

static void ticket_is_the_cookies_value(void **state)
{
    static const struct {
        const char *cookie;
        const char *ticket;
    } table[] = {
        {"PVEAuthCookie=PVE:a@b::x+y/z=", "PVE:a@b::x+y/z="},
        {"PVEAuthCookie=PVE%3Aa%40b%3A%3Ax%2By%2Fz%3D", "PVE:a@b::x+y/z="},
        {"a=b; PVEAuthCookie=t; c=d", "t"},
        {"a=b;PVEAuthCookie=t ;c=d", "t"},
        {"PVEAuthCookie=\"t\"", "t"},
        {"PVEAuthCookie=one; PVEAuthCookie=two", "one"},
        {"xPVEAuthCookie=t; PVEAuthCookieX=t; pveauthcookie=t", NULL},
        {"PVEAuthCookie", NULL},
        {"PVEAuthCookie=", NULL},
        {";;; ;", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct api_credentials found = read_from(*state, "Cookie", table[i].cookie);
        fixture_row(table[i].cookie, text_is(found.ticket, table[i].ticket));
    }
}

static void token_is_what_follows_its_scheme(void **state)
{
    static const struct {
        const char *value;
        const char *token;
    } table[] = {
        {"PVEAPIToken=u@pam!t=s", "u@pam!t=s"},
        {"PVEAPIToken u@pam!t=s", "u@pam!t=s"},
        {"Bearer u@pam!t=s", "u@pam!t=s"},
        {"bearer PVEAPIToken=u@pam!t=s", "u@pam!t=s"},
        {"PVEAPITokens=x", NULL},
        {"Basic eDp5", NULL},
        {"PVEAPIToken", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct api_credentials found = read_from(*state, "authorization", table[i].value);
        fixture_row(table[i].value, text_is(found.token, table[i].token));
    }
}

static void credentials_go_on_as_headers_without_loss(void **state)
{
    struct api_credentials given = {.ticket = "P:a+b=\r\nX: y", .csrf = "6:c+/=", .token = "u!t=s"};
    assert_string_equal(api_credentials_format(*state, &given),
                        "Cookie: PVEAuthCookie=P%3Aa%2Bb%3D%0D%0AX%3A%20y\r\n"
                        "CSRFPreventionToken: 6%3Ac%2B%2F%3D\r\n"
                        "Authorization: PVEAPIToken=u%21t%3Ds\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(ticket_is_the_cookies_value),
        fixture_test(token_is_what_follows_its_scheme),
        fixture_test(credentials_go_on_as_headers_without_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

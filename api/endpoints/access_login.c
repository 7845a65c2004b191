// SPDX-License-Identifier: Apache-2.0
// Logging in: tickets, realms, passwords, and what the caller may. A ticket's signing key is made
// by the login that first needs it, and replaced by the first one after a day.
#include <errno.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/identity.h"
#include "api/auth/password.h"
#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "api/auth/ticket.h"
#include "api/call/call.h"
#include "api/endpoints/access_support.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/access_edit.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/random.h"
#include "common/model/corosync_conf.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

#define FAILURE_WORDS "authentication failure"

static int book_read(struct call *call, struct identity_book *ret, struct error *err)
{
    struct store_entries *secrets = arena_new_of(call->arena, struct store_entries);
    int r =
        store_read(call->host->session->store, STORE_PREFIX_SECRET, 0, call->arena, secrets, err);
    if (r == 0) {
        *ret = (struct identity_book){
            .rights = call->host->rights, .secrets = secrets, .now_s = endpoint_now_s(call)};
    }
    return r;
}

// ---- Keys.

static int keys_replace(struct call *call, struct identity_book *book, struct ticket_keys *keys,
                        struct error *err)
{
    const struct store_entry *entry = identity_secret(book, STORE_KEY_TICKET_KEYS);
    char *secret = arena_alloc(call->arena, TICKET_KEY_BYTES);
    struct ticket_keys changed = *keys;
    int r = random_bytes(secret, TICKET_KEY_BYTES, err);
    if (r < 0) {
        return r;
    }
    ticket_keys_add(&changed, &(struct ticket_key){book->now_s, secret});
    const char *text = ticket_keys_format(call->arena, &changed);
    struct store_op op = {.key = STORE_KEY_TICKET_KEYS,
                          .value = text,
                          .size_bytes = strlen(text),
                          .expect = entry != NULL ? entry->version : STORE_ABSENT};
    r = session_write(call->host->session, "the keys of tickets", &op, 1, err);
    if (r == 0) {
        *keys = changed;
    }
    return r;
}

// Keys that a ticket may be signed with now.
static int keys_get(struct call *call, struct identity_book *book, struct ticket_keys *ret,
                    struct error *err)
{
    struct ticket_keys keys = {0};
    bool known = identity_keys(call->arena, book, &keys);
    if (!known) {
        keys = (struct ticket_keys){0};
    }
    if (known && !ticket_keys_are_old(&keys, book->now_s)) {
        *ret = keys;
        return 0;
    }
    int r = keys_replace(call, book, &keys, err);
    if (r == -EAGAIN) {
        // Somebody else made one at the same moment.
        r = book_read(call, book, err);
        if (r == 0 && !identity_keys(call->arena, book, &keys)) {
            r = error_set(err, -EAGAIN, "the keys of tickets change all the time");
        }
    }
    // Without quorum an old key serves; nobody takes a newer one for it.
    if (r == 0 || known) {
        *ret = keys;
        return 0;
    }
    return r;
}

// ---- Tickets.

// "user@realm": both may be apart.
static const char *userid_given(const struct call *call)
{
    const char *username = call_string(call, "username", "");
    const char *realm = call_string(call, "realm", NULL);
    const char *at = strrchr(username, '@');
    if (realm == NULL || (at != NULL && strcmp(at + 1, realm) == 0)) {
        return username;
    }
    return arena_printf(call->arena, "%s@%s", username, realm);
}

// Told, but not kept in the history: anybody can cause as many as they like.
static void tell_login(const struct call *call, const char *userid, bool good, const char *reason)
{
    struct event *event = good ? event_new(call->arena, EVENT_LEVEL_INFO, "login")
                               : event_new(call->arena, EVENT_LEVEL_INFO, "login-failed");
    // What is no name may be anything, a password too.
    bool named = access_userid_check(userid, NULL) == 0;
    event_text(call->arena, event, "user", named ? userid : "(no valid name)");
    event_text(call->arena, event, "address", call->caller.address);
    event_text(call->arena, event, "reason", reason);
    call_tell(call, event);
}

static const char *cluster_name(struct call *call)
{
    struct session_value value = {0};
    struct corosync_conf *conf = NULL;
    if (session_read(call->arena, call->host->session, STORE_KEY_COROSYNC, &value, NULL) < 0 ||
        value.text == NULL ||
        corosync_conf_parse(call->arena, "corosync.conf", value.text, value.size_bytes, &conf,
                            NULL) < 0 ||
        corosync_conf_is_example(conf)) {
        return NULL;
    }
    const char *name = corosync_conf_cluster_name(conf);
    return name[0] != '\0' ? name : NULL;
}

// The form that only asks: whether the user has the privileges on a path.
static void ticket_ask(struct call *call, const char *userid)
{
    const struct json *privs = call_list(call, "privs");
    const char *path = call_string(call, "path", "/");
    uint64_t has = rights_get(call->host->rights, userid, NULL, path, false, endpoint_now_s(call));
    for (size_t i = 0; i < privs->count; i++) {
        enum privilege privilege = PRIVILEGE_MAX;
        if (privilege_from_string(privs->items[i]->string, &privilege) < 0 ||
            (has & PRIVILEGE_BIT(privilege)) == 0) {
            call_refuse(call, CALL_STATUS_UNAUTHORIZED, FAILURE_WORDS);
            return;
        }
    }
    struct json *data = json_new_object(call->arena);
    json_put_string(data, "username", userid);
    call_return(call, data);
}

static void ticket_return(struct call *call, struct identity_book *book, const char *userid)
{
    struct ticket_keys keys = {0};
    struct error err = {0};
    if (keys_get(call, book, &keys, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    struct json *data = json_new_object(call->arena);
    json_put_string(data, "username", userid);
    json_put_string(data, "ticket", ticket_make(call->arena, &keys, userid, book->now_s));
    json_put_string(data, "CSRFPreventionToken",
                    ticket_csrf_make(call->arena, &keys, userid, book->now_s));
    json_put(data, "cap", rights_cap(call->arena, book->rights, userid, book->now_s));
    json_put_string(data, "clustername", cluster_name(call));
    call_return(call, data);
    tell_login(call, userid, true, NULL);
}

static void ticket_post(struct call *call)
{
    struct identity_book book = {0};
    struct error err = {0};
    const char *userid = userid_given(call);
    bool asks = call_has(call, "path") && call_has(call, "privs");
    if (call->caller.token != NULL) {
        call_refuse(call, CALL_STATUS_FORBIDDEN, "Permission check failed (API token)");
        return;
    }
    if (book_read(call, &book, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    // There is no second factor here, so there is nothing that a challenge could belong to.
    if (call_has(call, "tfa-challenge") ||
        !password_check(call->arena, &book, userid, call_string(call, "password", ""),
                        call->caller.address, &err)) {
        call_refuse(call, CALL_STATUS_UNAUTHORIZED, FAILURE_WORDS);
        tell_login(call, userid, false,
                   err.code != 0 ? err.text : "unknown user or wrong password");
        return;
    }
    if (asks) {
        ticket_ask(call, userid);
    } else {
        ticket_return(call, &book, userid);
    }
}

// Clients look whether there is a login at all.
static void ticket_get(struct call *call)
{
    call_return(call, NULL);
}

// ---- Realms.

static const char *const realms[][2] = {
    {ACCESS_REALM_PAM, "Linux PAM standard authentication"},
    {ACCESS_REALM_PVE, "HA Manager authentication server"},
};

static void domains_get(struct call *call)
{
    struct json *list = json_new_array(call->arena);
    for (size_t i = 0; i < ARRAY_SIZE(realms); i++) {
        struct json *row = json_new_object(call->arena);
        json_put_string(row, "realm", realms[i][0]);
        json_put_string(row, "type", realms[i][0]);
        json_put_string(row, "comment", realms[i][1]);
        json_append(list, row);
    }
    call_return(call, list);
}

static void domain_get(struct call *call)
{
    const char *realm = call_string(call, "realm", "");
    for (size_t i = 0; i < ARRAY_SIZE(realms); i++) {
        if (strcmp(realm, realms[i][0]) == 0) {
            struct json *row = json_new_object(call->arena);
            json_put_string(row, "type", realms[i][0]);
            json_put_string(row, "comment", realms[i][1]);
            call_return(call, row);
            return;
        }
    }
    call_refuse(call, CALL_STATUS_FAILED, "domain '%s' does not exist", realm);
}

// ---- Passwords.

// Who says the own password, too, must know it.
static bool password_confirmed(struct call *call)
{
    const char *own = call_string(call, "confirmation-password", NULL);
    struct identity_book book = {0};
    struct error err = {0};
    if (own == NULL) {
        return true;
    }
    if (book_read(call, &book, &err) < 0) {
        call_fail(call, &err);
        return false;
    }
    if (!password_check(call->arena, &book, call->caller.user, own, call->caller.address, &err)) {
        call_refuse(call, CALL_STATUS_UNAUTHORIZED, FAILURE_WORDS);
        return false;
    }
    return true;
}

static void password_put(struct call *call)
{
    struct access_edit edit;
    struct error err = {0};
    const char *userid = call_string(call, "userid", "");
    if (!access_need_userid(call, "userid") || !access_need_user(call, userid) ||
        !password_confirmed(call) || !access_edit_begin(call, &edit)) {
        return;
    }
    int r = access_user_password(&edit, userid, call_string(call, "password", ""), &err);
    if (r == -EINVAL) {
        call_fault(call, "password", "%s", err.text);
    } else if (access_edit_done(call, r, &err)) {
        access_tell_user(call, userid, "changed", "password");
    }
}

// ---- Permissions of one's own.

static void permissions_get(struct call *call)
{
    const char *asked = call_string(call, "userid", NULL);
    const char *user = call->caller.user;
    const char *token = call->caller.token;
    if (asked != NULL && strcmp(asked, call->caller.label) != 0) {
        if (!call_may(call, PRIVILEGE_SYS_AUDIT, "/access")) {
            call_refuse(call, CALL_STATUS_FORBIDDEN,
                        "Permission check failed (/access, Sys.Audit)");
            return;
        }
        user = access_token_user(call->arena, asked);
        token = strchr(asked, '!') != NULL ? strchr(asked, '!') + 1 : NULL;
    }
    call_return(call, rights_show(call->arena, call->host->rights, user, token,
                                  call_string(call, "path", NULL), endpoint_now_s(call)));
}

static const struct parameter parameters_ticket[] = {
    {.name = "username", .required = true, .length_max = 128, .description = "user, or user@realm"},
    {.name = "password",
     .required = true,
     .description = "the password; or a valid ticket of this user, to renew it"},
    {.name = "realm", .length_max = 32, .description = "pam or pve, when the user has none"},
    {.name = "otp", .length_max = 256, .description = "not used here"},
    {.name = "tfa-challenge", .description = "not used here"},
    {.name = "path",
     .format = PARAMETER_FORMAT_ACL_PATH,
     .length_max = 256,
     .description = "with 'privs': only ask whether the user has them there"},
    {.name = "privs",
     .type = PARAMETER_TYPE_LIST,
     .format = PARAMETER_FORMAT_PRIVILEGE,
     .description = "privileges"},
    {.name = "new-format", .type = PARAMETER_TYPE_BOOLEAN, .description = "not used here"},
};
static const struct parameter parameters_domain[] = {
    {.name = "realm", .required = true, .length_max = 32, .description = "name of the realm"},
};
static const struct parameter parameters_password[] = {
    {.name = "userid",
     .format = PARAMETER_FORMAT_USERID,
     .required = true,
     .length_max = 64,
     .description = "user@pve"},
    {.name = "password", .required = true, .description = "the new one, at least 8 characters"},
    {.name = "confirmation-password", .description = "the caller's own password"},
};
static const struct parameter parameters_permissions[] = {
    {.name = "userid", .length_max = 192, .description = "user@realm, or user@realm!token"},
    {.name = "path",
     .format = PARAMETER_FORMAT_ACL_PATH,
     .length_max = 256,
     .description = "only this one"},
};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/access/ticket",
     .description = "whether there is a login here: null",
     .access = METHOD_ACCESS_WORLD,
     .kind = METHOD_KIND_READ,
     .returns = "null",
     .run = ticket_get},
    {.verb = METHOD_VERB_POST,
     .path = "/access/ticket",
     .description = "log in: a ticket for two hours, and what belongs to it",
     PARAMETERS(parameters_ticket),
     .access = METHOD_ACCESS_WORLD,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = ticket_post},
    {.verb = METHOD_VERB_GET,
     .path = "/access/domains",
     .description = "the realms",
     .access = METHOD_ACCESS_WORLD,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = domains_get},
    {.verb = METHOD_VERB_GET,
     .path = "/access/domains/{realm}",
     .description = "a realm",
     PARAMETERS(parameters_domain),
     .access = METHOD_ACCESS_PRIVILEGE,
     .privilege = PRIVILEGE_SYS_AUDIT,
     .access_path = "/access",
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = domain_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/access/password",
     .description = "change a password of the realm pve: one's own, or with User.Modify",
     PARAMETERS(parameters_password),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = password_put},
    {.verb = METHOD_VERB_GET,
     .path = "/access/permissions",
     .description = "what the caller may, or another one (Sys.Audit on /access)",
     PARAMETERS(parameters_permissions),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = permissions_get},
};

const struct method_table endpoints_access = {methods, ARRAY_SIZE(methods)};

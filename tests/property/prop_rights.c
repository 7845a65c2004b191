// SPDX-License-Identifier: Apache-2.0
// Whatever sequence of changes some users try, with and without tokens, nobody gets more than the
// roles that these users had when they began; and nobody ever has what no role of theirs gives.
#include <inttypes.h>
#include <string.h>

#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "cli/access_edit.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/prng.h"
#include "tests/lib/fake_membership.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

enum { SEEDS = 120, STEPS = 40, USERS = 6, NOW = 100 };

static const char *const users[USERS] = {"a@pve", "b@pve", "c@pve", "d@pve", "e@pve", "f@pve"};
static const char *const groups[] = {"g1", "g2"};
static const char *const roles[] = {"Administrator", "Auditor",      "NoAccess", "Operator",
                                    "PVEAdmin",      "PVEUserAdmin", "Mine",     "Other"};
static const char *const paths[] = {"/",    "/access", "/access/groups", "/nodes",
                                    "/vms", "/vms/1",  "/vms/1/x",       "/storage/s"};
// Also such of which nothing is ever said.
static const char *const probes[] = {"/",      "/access",  "/access/groups", "/access/groups/g1",
                                     "/nodes", "/nodes/n", "/vms",           "/vms/1",
                                     "/vms/2", "/vms/1/x", "/vms/1/x/y",     "/storage/s"};

struct game {
    struct arena *arena;
    struct prng prng;
    struct fake_store *store;
    struct fake_membership membership;
    struct session session;
    bool plays[USERS]; // those who make changes, and whom they can act as
    uint64_t first[USERS][ARRAY_SIZE(probes)];
    uint64_t together[ARRAY_SIZE(probes)]; // what the players had when they began
    int changed;
};

static size_t pick(struct game *game, size_t count)
{
    return (size_t)prng_below(&game->prng, count);
}

static bool chance(struct game *game, size_t percent)
{
    return pick(game, 100) < percent;
}

static struct json *some(struct game *game, const char *const *names, size_t count)
{
    struct json *list = json_new_array(game->arena);
    size_t wanted = 1 + pick(game, 2);
    for (size_t i = 0; i < wanted; i++) {
        json_append(list, json_new_string(game->arena, names[pick(game, count)]));
    }
    return list;
}

static struct json *some_privileges(struct game *game)
{
    struct json *list = json_new_array(game->arena);
    for (int i = 0; i < 4; i++) {
        enum privilege privilege = (enum privilege)pick(game, PRIVILEGE_MAX);
        json_append(list, json_new_string(game->arena, privilege_to_string(privilege)));
    }
    return list;
}

static int edit_open(struct game *game, const char *user, const char *token,
                     struct access_edit *edit)
{
    return access_edit_open(game->arena, &game->session, NOW, user, token, edit, NULL);
}

static int change_acl(struct game *game, struct access_edit *edit)
{
    struct access_acl_change change = {.path = paths[pick(game, ARRAY_SIZE(paths))],
                                       .roles = some(game, roles, ARRAY_SIZE(roles)),
                                       .propagate = chance(game, 70),
                                       .remove = chance(game, 30)};
    if (chance(game, 60)) {
        change.users = some(game, users, USERS);
    } else if (chance(game, 50)) {
        change.groups = some(game, groups, ARRAY_SIZE(groups));
    } else {
        const char *id = arena_printf(game->arena, "%s!t", users[pick(game, USERS)]);
        change.tokens = json_new_array(game->arena);
        json_append((struct json *)(uintptr_t)change.tokens, json_new_string(game->arena, id));
    }
    return access_acl_change(edit, &change, NULL);
}

static int change_user(struct game *game, struct access_edit *edit, size_t at)
{
    struct access_user_change change = {.userid = users[at],
                                        .has_enable = chance(game, 40),
                                        .enable = chance(game, 60),
                                        .has_expire = chance(game, 20),
                                        .expire_s = chance(game, 50) ? 0 : NOW - 1,
                                        .append = chance(game, 50)};
    if (chance(game, 60)) {
        change.groups = some(game, groups, ARRAY_SIZE(groups));
    }
    bool exists = map_has(&edit->rights->users, users[at]);
    return access_user_put(edit, &change, exists, NULL);
}

static int change_token(struct game *game, struct access_edit *edit, size_t at)
{
    const char *secret = NULL;
    struct access_token_change change = {.userid = users[at],
                                         .tokenid = "t",
                                         .has_privsep = true,
                                         .privsep = chance(game, 60),
                                         .regenerate = true};
    bool exists = map_has(&edit->rights->tokens, arena_printf(game->arena, "%s!t", change.userid));
    int r = access_token_put(edit, &change, exists, &secret, NULL);
    if (r == 0 && !change.privsep) {
        game->plays[at] = true; // whose secret they know
    }
    return r;
}

static int change_role(struct game *game, struct access_edit *edit)
{
    const char *role = chance(game, 50) ? "Mine" : "Other";
    bool exists = map_has(&edit->rights->roles, role);
    return exists && chance(game, 20)
               ? access_role_remove(edit, role, NULL)
               : access_role_put(edit, role, some_privileges(game), chance(game, 50), exists, NULL);
}

// One change by this maker, NULL: anything goes.
static void change_any(struct game *game, const char *maker, const char *token)
{
    struct access_edit edit;
    size_t at = pick(game, USERS);
    int r = edit_open(game, maker, token, &edit);
    assert_int_equal(r, 0);
    switch (pick(game, 8)) {
    case 0:
        r = change_user(game, &edit, at);
        break;
    case 1:
        r = change_role(game, &edit);
        break;
    case 2:
        // A user that is gone and comes back is another one: it has nothing, and its tokens end.
        r = maker != NULL && chance(game, 30) ? access_user_remove(&edit, users[at], NULL) : -1;
        break;
    case 3:
        r = maker != NULL ? change_token(game, &edit, at) : -1;
        break;
    default:
        r = change_acl(game, &edit);
        break;
    }
    game->changed += r == 0 && maker != NULL ? 1 : 0;
}

static uint64_t potential(const struct access_edit *edit, size_t user, size_t probe)
{
    return rights_potential(edit->rights, users[user], NULL, probes[probe], false);
}

// All that roles of the list give to this user, wherever.
static uint64_t given(const struct access_edit *edit, const char *user)
{
    const struct access_acl *all = NULL;
    const struct access_user *known = map_find(&edit->rights->users, user);
    size_t count = access_acl_all(edit->arena, edit->rights, &all);
    uint64_t privileges = 0;
    for (size_t i = 0; i < count; i++) {
        const struct role_builtin *builtin = roles_find_builtin(all[i].roleid);
        const struct access_role *role = map_find(&edit->rights->roles, all[i].roleid);
        bool is = all[i].type == ACL_TYPE_GROUP
                      ? known != NULL && access_user_is_in(known, all[i].ugid)
                      : all[i].type == ACL_TYPE_USER && strcmp(all[i].ugid, user) == 0;
        privileges |= !is               ? 0
                      : builtin != NULL ? builtin->privileges
                      : role != NULL    ? role->privileges
                                        : 0;
    }
    return privileges;
}

static void check(struct game *game, uint64_t seed, int step)
{
    struct access_edit edit;
    assert_int_equal(edit_open(game, NULL, NULL, &edit), 0);
    for (size_t u = 0; u < USERS; u++) {
        uint64_t all = given(&edit, users[u]);
        for (size_t p = 0; p < ARRAY_SIZE(probes); p++) {
            uint64_t has = potential(&edit, u, p);
            uint64_t now = rights_get(edit.rights, users[u], NULL, probes[p], false, NOW);
            uint64_t token = rights_get(edit.rights, users[u], "t", probes[p], false, NOW);
            uint64_t allowed = game->together[p] | (game->plays[u] ? 0 : game->first[u][p]);
            if ((has & ~allowed) != 0 || (has & ~all) != 0 || (now & ~has) != 0 ||
                (token & ~now) != 0) {
                fail_msg("seed %" PRIu64 ", step %d: %s on %s has %" PRIx64 ", allowed %" PRIx64
                         ", of roles %" PRIx64,
                         seed, step, users[u], probes[p], has, allowed, all);
            }
        }
    }
}

static void game_begin(struct game *game)
{
    struct access_edit edit;
    for (size_t i = 0; i < USERS; i++) {
        const char *key = arena_printf(game->arena, "access/user/%s", users[i]);
        fake_store_put(game->store, key, "{}");
        fake_store_put(game->store, arena_printf(game->arena, "access/token/%s!t", users[i]),
                       chance(game, 50) ? "{}" : "{\"privsep\":false}");
    }
    fake_store_put(game->store, "access/group/g1", "{}");
    fake_store_put(game->store, "access/group/g2", "{}");
    for (int i = 0; i < 14; i++) {
        change_any(game, NULL, NULL);
    }
    // Two who may change permissions somewhere, and one more.
    for (size_t i = 0; i < 3; i++) {
        game->plays[pick(game, USERS)] = true;
    }
    assert_int_equal(edit_open(game, NULL, NULL, &edit), 0);
    for (size_t u = 0; u < USERS; u++) {
        for (size_t p = 0; p < ARRAY_SIZE(probes); p++) {
            game->first[u][p] = potential(&edit, u, p);
            game->together[p] |= game->plays[u] ? game->first[u][p] : 0;
        }
    }
}

static int play(uint64_t seed)
{
    struct game game = {.arena = arena_new(), .store = fake_store_new()};
    prng_init(&game.prng, seed);
    fake_membership_init(&game.membership, 3);
    game.session = (struct session){.store = fake_store_port(game.store),
                                    .membership = &game.membership.membership,
                                    .node = "node1",
                                    .quorate = true};
    game_begin(&game);
    for (int step = 0; step < STEPS; step++) {
        size_t maker = pick(&game, USERS);
        if (game.plays[maker]) {
            change_any(&game, users[maker], chance(&game, 30) ? "t" : NULL);
            check(&game, seed, step);
        }
    }
    fake_store_free(game.store);
    arena_free(game.arena);
    return game.changed;
}

static void changes_give_nobody_more_than_their_makers_had(void **state)
{
    int changed = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        changed += play(seed);
    }
    // Else it would prove nothing.
    assert_true(changed > SEEDS * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_give_nobody_more_than_their_makers_had)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

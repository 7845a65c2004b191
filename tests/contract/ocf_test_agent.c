// SPDX-License-Identifier: Apache-2.0
// The agent is a shell script, as most real ones.
#include "tests/contract/ocf_test_agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"

static const char script[] =
    "#!/bin/sh\n"
    "[ -n \"$OCF_RESKEY_trace\" ] && env | sort >\"$OCF_RESKEY_trace.$1\"\n"
    "pidfile=$OCF_RESKEY_pidfile\n"
    "misbehave() { case \",$OCF_RESKEY_mode,\" in *,$1,*) return 0;; esac; return 1; }\n"
    "alive() { [ -f \"$pidfile\" ] && kill -0 \"$(cat \"$pidfile\")\" 2>/dev/null; }\n"
    "case \"$1\" in\n"
    "meta-data)\n"
    "    cat <<END\n"
    "<?xml version=\"1.0\"?>\n"
    "<resource-agent name=\"daemon\" version=\"1.0\"><version>1.0</version>\n"
    "<shortdesc lang=\"en\">A process</shortdesc>\n"
    "<parameters>\n"
    "<parameter name=\"pidfile\" required=\"1\"><shortdesc>Where its number is</shortdesc>\n"
    "<content type=\"string\"/></parameter>\n"
    "<parameter name=\"mode\"><content type=\"string\" default=\"\"/></parameter>\n"
    "<parameter name=\"trace\"><content type=\"string\" default=\"\"/></parameter>\n"
    "</parameters>\n"
    "<actions><action name=\"start\" timeout=\"30s\"/><action name=\"stop\" timeout=\"5s\"/>\n"
    "<action name=\"monitor\" timeout=\"40\" interval=\"15s\" depth=\"0\"/>\n"
    "<action name=\"meta-data\" timeout=\"5\"/><action name=\"validate-all\" timeout=\"5\"/>\n"
    "</actions></resource-agent>\n"
    "END\n"
    "    ;;\n"
    "start)\n"
    "    alive && exit 0\n"
    "    if misbehave hang-start; then sleep 1000; fi\n"
    "    if misbehave fail-start; then\n"
    "        echo 'first line'; echo 'second line' >&2\n"
    "        echo 'ocf-exit-reason:told to fail' >&2; sleep 1000 >/dev/null 2>&1 & exit 6\n"
    "    fi\n"
    "    setsid sleep 100000 </dev/null >/dev/null 2>&1 &\n"
    "    echo $! >\"$pidfile\"\n"
    "    if misbehave helper; then setsid sleep 100001 </dev/null >/dev/null 2>&1 & fi\n"
    "    exit 0;;\n"
    "stop)\n"
    "    if misbehave hang-stop; then sleep 1000; fi\n"
    "    if misbehave fail-stop; then echo 'cannot let go'; exit 1; fi\n"
    "    if alive; then\n"
    "        kill \"$(cat \"$pidfile\")\"\n"
    "        while alive; do sleep 0.01; done\n"
    "    fi\n"
    "    rm -f \"$pidfile\" \"$pidfile.sick\"\n"
    "    exit 0;;\n"
    "monitor)\n"
    "    if [ -e \"$pidfile.sick\" ]; then echo 'ocf-exit-reason:it has a fever' >&2; exit 1; fi\n"
    "    alive || exit 7\n"
    "    exit 0;;\n"
    "validate-all)\n"
    "    if misbehave wrong; then echo 'ocf-exit-reason:mode makes no sense' >&2; exit 2; fi\n"
    "    exit 0;;\n"
    "*) exit 3;;\n"
    "esac\n";

static int make_link(const char *target, const char *path, struct error *err)
{
    return symlink(target, path) < 0 && errno != EEXIST
               ? error_set_errno(err, -errno, "cannot make '%s'", path)
               : 0;
}

int ocf_test_agent_make(const char *folder, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *agents = arena_printf(arena, "%s/resource.d", folder);
    const char *own = arena_printf(arena, "%s/test", agents);
    const char *program = arena_printf(arena, "%s/daemon", own);
    int r = file_make_directory(folder, 0755, err);
    if (r == 0) {
        r = file_make_directory(agents, 0755, err);
    }
    if (r == 0) {
        r = file_make_directory(own, 0755, err);
    }
    if (r == 0) {
        r = file_replace(program, script, strlen(script), 0755, err);
    }
    if (r == 0) {
        r = make_link("/usr/lib/ocf/resource.d/heartbeat",
                      arena_printf(arena, "%s/heartbeat", agents), err);
    }
    if (r == 0) {
        r = make_link("/usr/lib/ocf/lib", arena_printf(arena, "%s/lib", folder), err);
    }
    if (r == 0 && setenv("OCF_ROOT", folder, 1) < 0) {
        r = error_set_errno(err, -errno, "cannot set OCF_ROOT");
    }
    return r;
}

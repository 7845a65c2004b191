// SPDX-License-Identifier: Apache-2.0
// The only place that includes PAM.
#include "api/auth/pam_check.h"

#include <errno.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/process.h"

enum { EXIT_RIGHT = 10, EXIT_WRONG, EXIT_FAILED };

// PAM frees the answers with free(), so they come from the C library.
static void answers_free(struct pam_response *answers, int count)
{
    for (int i = 0; i < count; i++) {
        free(answers[i].resp);
    }
    free(answers);
}

// Questions without echo are answered with the password, those with echo with the name.
static int converse(int count, const struct pam_message **messages, struct pam_response **ret,
                    void *userdata)
{
    const struct pam_question *question = userdata;
    if (count <= 0 || count > PAM_MAX_NUM_MSG) {
        return PAM_CONV_ERR;
    }
    struct pam_response *answers = reallocarray(NULL, (size_t)count, sizeof(*answers));
    if (answers == NULL) {
        return PAM_BUF_ERR;
    }
    memset(answers, 0, (size_t)count * sizeof(*answers));
    for (int i = 0; i < count; i++) {
        const char *text = messages[i]->msg_style == PAM_PROMPT_ECHO_OFF  ? question->password
                           : messages[i]->msg_style == PAM_PROMPT_ECHO_ON ? question->user
                                                                          : NULL;
        if (text != NULL && asprintf(&answers[i].resp, "%s", text) < 0) {
            answers[i].resp = NULL;
            answers_free(answers, count);
            return PAM_BUF_ERR;
        }
    }
    *ret = answers;
    return PAM_SUCCESS;
}

// Who asked is made to wait by ha-execd, the same for all reasons.
static void no_delay(int result, unsigned int delay_us, void *userdata)
{
    (void)result;
    (void)delay_us;
    (void)userdata;
}

static int pam_ask(const struct pam_question *question)
{
    // PAM does not take a pointer to const, and does not write there.
    struct pam_conv conversation = {converse, (void *)(uintptr_t)question};
    void (*delay)(int, unsigned int, void *) = no_delay;
    pam_handle_t *pam = NULL;
    int r =
        pam_start_confdir(PAM_CHECK_SERVICE, question->user, &conversation, question->folder, &pam);
    if (r != PAM_SUCCESS) {
        return EXIT_FAILED;
    }
    const void *item = NULL;
    memcpy(&item, &delay, sizeof(item)); // this item is a function
    r = pam_set_item(pam, PAM_FAIL_DELAY, item);
    if (r == PAM_SUCCESS && question->address != NULL) {
        r = pam_set_item(pam, PAM_RHOST, question->address);
    }
    bool asked = r == PAM_SUCCESS;
    r = asked ? pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK) : r;
    r = r == PAM_SUCCESS ? pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK) : r;
    bool failed = !asked || r == PAM_ABORT || r == PAM_SYSTEM_ERR || r == PAM_BUF_ERR ||
                  r == PAM_OPEN_ERR || r == PAM_SYMBOL_ERR;
    ignore_result(pam_end(pam, r)); // the process ends
    return r == PAM_SUCCESS ? EXIT_RIGHT : failed ? EXIT_FAILED : EXIT_WRONG;
}

static int child_main(void *userdata, int output_fd)
{
    (void)output_fd;
    return pam_ask(userdata);
}

struct asked {
    struct loop *loop;
    struct process_end end;
};

static void child_ended(void *userdata, const struct process_end *end)
{
    struct asked *asked = userdata;
    asked->end = *end;
    loop_quit(asked->loop, 0);
}

static int answer_of(const struct process_end *end, struct error *err)
{
    if (end->timed_out) {
        return error_set(err, -ETIMEDOUT, "PAM did not answer in time");
    }
    int status = WIFEXITED(end->wait_status) ? WEXITSTATUS(end->wait_status) : EXIT_FAILED;
    if (status == EXIT_RIGHT || status == EXIT_WRONG) {
        return status == EXIT_RIGHT ? PAM_ANSWER_RIGHT : PAM_ANSWER_WRONG;
    }
    return error_set(err, -EIO, "PAM could not be asked");
}

int pam_check(const struct pam_question *question, struct error *err)
{
    struct loop *loop CLEANUP(loop_freep) = NULL;
    struct asked asked = {0};
    struct process *process = NULL;
    struct clock clock;
    host_clock_init(&clock);
    int r = loop_new(&loop, err);
    if (r < 0) {
        return r;
    }
    asked.loop = loop;
    struct process_spec spec = {
        .main = child_main,
        .main_userdata = (void *)(uintptr_t)question, // the child only reads it
        .name = "ha-execd-pam",
        .timeout_ms = question->timeout_ms,
        .ended = child_ended,
        .userdata = &asked,
    };
    r = process_spawn(loop, &clock, &spec, &process, err);
    r = r == 0 ? loop_run(loop, err) : r;
    r = r == 0 ? answer_of(&asked.end, err) : r;
    process_free(process);
    return r;
}

// SPDX-License-Identifier: Apache-2.0
// The form of answers to clients.
#include "api/http/api_exchange.h"

#include "api/http/http_connection.h"

void api_exchange_answer(struct http_connection *connection, const struct api_answer *answer)
{
    http_connection_answer(connection,
                           &(struct http_answer){
                               .status = answer->status,
                               .reason = answer->reason,
                               .content_type = answer->body != NULL ? API_CONTENT_TYPE : NULL,
                               .body = answer->body,
                               .body_bytes = answer->body_bytes,
                               .compress = true,
                           });
}

void api_exchange_refuse(struct http_connection *connection, enum api_format format,
                         const struct api_refusal *refusal)
{
    struct api_answer answer;
    api_answer_refuse(http_connection_arena(connection), format, refusal, &answer);
    api_exchange_answer(connection, &answer);
}

struct api_refusal api_exchange_unreached(void)
{
    return (struct api_refusal){API_STATUS_UNREACHED, "ha-execd is not running on this node", NULL};
}

struct api_refusal api_exchange_lost(enum execd_loss loss)
{
    const char *message = loss == EXECD_LOSS_TIME
                              ? "ha-execd did not answer in time; the call may take effect yet"
                              : "ha-execd ended meanwhile; the call may have taken effect";
    return (struct api_refusal){API_STATUS_LOST, message, NULL};
}

// SPDX-License-Identifier: Apache-2.0
// Answers to one client, from what others answered.
#pragma once

#include <stddef.h>

#include "api/http/execd_client.h"
#include "api/http/parse/api_answer.h"

struct http_connection;

enum { API_STATUS_UNREACHED = 595, API_STATUS_LOST = 596 };

// Answers with a status and words of ours.
void api_exchange_refuse(struct http_connection *connection, enum api_format format,
                         const struct api_refusal *refusal);
void api_exchange_answer(struct http_connection *connection, const struct api_answer *answer);
// What a client is told when ha-execd cannot be asked (execd_client_send()), or did not answer.
struct api_refusal api_exchange_unreached(void);
struct api_refusal api_exchange_lost(enum execd_loss loss);

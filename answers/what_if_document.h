// SPDX-License-Identifier: Apache-2.0
// The answer to a "what if" as a document, which every interface shows; pure.
#pragma once

#include "common/base/macros.h"

struct arena;
struct json;
struct what_if_answer;
struct what_if_question;

// {"question":{lose,maintenance,stop,expected}, "words":[sentences, the most important first],
//  "quorum":{votes,votes_left,votes_needed,kept,forced}, "bound":seconds, "settled":bool,
//  "services":[{sid,from,to,state,runs,seconds,reason}], "nodes":[{node,online,lost,maintenance,
//  services,services_after,memory,memory_after,memory_max}]}; what is not known is left out.
struct json *what_if_document(struct arena *arena, const struct what_if_question *question,
                              const struct what_if_answer *answer) WARN_UNUSED;

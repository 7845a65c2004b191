// SPDX-License-Identifier: Apache-2.0
// The process beside the daemon that asks Corosync, and the frames between the two. Both are of one
// program: plain structures.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    FIGURES_NAME_MAX = 255,    // of a node, and of an address; what is longer is left out
    FIGURES_WORDS_MAX = 251,   // of a reason; what is longer is cut
    FIGURES_TIMEOUT_MS = 5000, // for the other side to read
};

// To the process. Neither structure has padding: they are compared as bytes.
enum figures_question_kind { QUESTION_READ = 1, QUESTION_EXPECTED, QUESTION_RELOAD };
struct figures_question {
    uint64_t request; // of QUESTION_READ
    uint32_t kind;
    uint32_t votes; // of QUESTION_EXPECTED
};

// Back. A reading is followed by its nodes.
enum figures_answer_kind { ANSWER_READING = 1, ANSWER_FAILED, ANSWER_OUTCOME };
struct figures_answer {
    uint64_t request;        // of ANSWER_READING and ANSWER_FAILED: the newest one seen before
    uint64_t config_version; // of ANSWER_READING, as all up to nodes_count
    uint32_t kind;
    uint32_t quorum, expected, highest_expected, total;
    uint32_t device_votes, device_cast, device_registered;
    uint32_t token_ms, consensus_ms, device_timeout_ms;
    uint32_t nodes_count;
    uint32_t order;                    // of ANSWER_OUTCOME: its enum figures_question_kind
    char words[FIGURES_WORDS_MAX + 1]; // why it failed, or was refused; "": it was not
};
struct figures_node {
    uint32_t id, votes;
    char name[FIGURES_NAME_MAX + 1], address[FIGURES_NAME_MAX + 1];
};

// A companion's main. `userdata` is this node's id, a uint32_t.
int figures_reader_main(int fd, void *userdata);

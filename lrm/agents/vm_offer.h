// SPDX-License-Identifier: Apache-2.0
// How the two sides of a live move find each other: two volatile keys of the store, each written by
// one side under the guard of its own lease.
//
//   live/move/<sid>     the sender's: what it offers, and the key that encrypts the connection
//   live/arrival/<sid>  the receiver's: where it listens, whether it has everything, what failed
//
// They decide nothing about who may run the machine: that is the guest's record alone.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct vm_task;

struct vm_offer {
    const char *source;     // node
    const char *target;     // node
    const char *id;         // of this move, never used again
    const char *secret;     // hex; known to nobody but root on the cluster's nodes
    const char *definition; // as the machine was started from it (guest.h)
    bool kvm;
};

struct vm_arrival {
    const char *id;
    const char *address;
    int64_t port;
    bool ready;        // it has everything and waits for the record
    const char *error; // it gives up; NULL: it does not
};

// A fresh id and secret.
int vm_offer_fill(struct vm_task *task, struct vm_offer *offer, struct error *err) WARN_UNUSED;
int vm_offer_write(struct vm_task *task, const struct vm_offer *offer,
                   struct error *err) WARN_UNUSED;
// *ret is NULL when there is none. What is known here counts, also without quorum.
int vm_offer_read(struct vm_task *task, struct vm_offer **ret, struct error *err) WARN_UNUSED;
// Withdraws it, if it is this one. What cannot be removed does no harm.
void vm_offer_remove(struct vm_task *task, const char *id);

int vm_arrival_write(struct vm_task *task, const struct vm_arrival *arrival,
                     struct error *err) WARN_UNUSED;
int vm_arrival_read(struct vm_task *task, struct vm_arrival **ret, struct error *err) WARN_UNUSED;
void vm_arrival_remove(struct vm_task *task);

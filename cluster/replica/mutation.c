// SPDX-License-Identifier: Apache-2.0
// Requests: limits, stream, form.
#include "cluster/replica/mutation.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cluster/replica/wire.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum {
    LEASE_NAME_MAX = 128,
    OP_PUT = 1,
    OP_DELETE = 2,
};

static bool key_is_volatile(const char *key)
{
    return strncmp(key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) == 0;
}

static bool text_fits(const char *text, size_t size_max)
{
    return text != NULL && text[0] != '\0' && strnlen(text, size_max + 1) <= size_max;
}

static int op_check(const struct replica_op *op, bool is_volatile, const char **ret_reason)
{
    if (!text_fits(op->key, STORE_KEY_MAX)) {
        *ret_reason = "a key is empty or too long";
        return -EINVAL;
    }
    if (key_is_volatile(op->key) != is_volatile) {
        *ret_reason = "durable and volatile keys in one transaction";
        return -EINVAL;
    }
    if (strcmp(op->key, REPLICA_KEY_CHRONICLE) == 0 || strcmp(op->key, REPLICA_KEY_EXTENT) == 0) {
        *ret_reason = "that key belongs to the store";
        return -EINVAL;
    }
    if (op->value != NULL && op->size_bytes > STORE_VALUE_MAX) {
        *ret_reason = "a value is too large";
        return -E2BIG;
    }
    return 0;
}

static int ops_check(const struct replica_request *request, const char **ret_reason)
{
    if (request->ops_count == 0) {
        *ret_reason = "the transaction is empty";
        return -EINVAL;
    }
    size_t size_bytes = 0;
    bool is_volatile = request->ops[0].key != NULL && key_is_volatile(request->ops[0].key);
    for (size_t i = 0; i < request->ops_count && i <= STORE_TXN_OPS_MAX; i++) {
        int rc = op_check(&request->ops[i], is_volatile, ret_reason);
        if (rc < 0) {
            return rc;
        }
        size_bytes += strlen(request->ops[i].key);
        size_bytes += request->ops[i].value != NULL ? request->ops[i].size_bytes : 0;
    }
    if (request->ops_count > STORE_TXN_OPS_MAX || size_bytes > REPLICA_TXN_MAX) {
        *ret_reason = "the transaction is too large";
        return -E2BIG;
    }
    return 0;
}

int mutation_check(const struct replica_request *request, const char **ret_reason)
{
    bool is_txn = request->kind == REPLICA_REQUEST_TXN;
    if (!is_txn || request->lease != NULL) {
        if (!text_fits(request->lease, LEASE_NAME_MAX) ||
            !text_fits(request->owner, LEASE_NAME_MAX)) {
            *ret_reason = "a lease needs a name and an owner, neither too long";
            return -EINVAL;
        }
    }
    return is_txn ? ops_check(request, ret_reason) : 0;
}

enum replica_stream mutation_stream(const struct replica_request *request)
{
    bool is_durable = request->kind == REPLICA_REQUEST_TXN && !key_is_volatile(request->ops[0].key);
    return is_durable ? STREAM_DURABLE : STREAM_VOLATILE;
}

void mutation_format(const struct replica_request *request, struct strbuf *out)
{
    wire_put_u8(out, (uint8_t)request->kind);
    wire_put_text(out, request->lease);
    wire_put_text(out, request->lease != NULL ? request->owner : NULL);
    wire_put_u64(out, request->term);
    wire_put_u64(out, request->version);
    bool is_txn = request->kind == REPLICA_REQUEST_TXN;
    wire_put_u32(out, is_txn ? (uint32_t)request->ops_count : 0);
    for (size_t i = 0; is_txn && i < request->ops_count; i++) {
        const struct replica_op *op = &request->ops[i];
        wire_put_u8(out, op->value != NULL ? OP_PUT : OP_DELETE);
        wire_put_text(out, op->key);
        wire_put_u64(out, op->expect);
        if (op->value != NULL) {
            wire_put_bytes(out, op->value, op->size_bytes);
        }
    }
}

static void op_parse(struct wire_reader *reader, struct arena *arena, struct replica_op *ret)
{
    uint8_t kind = wire_get_u8(reader);
    ret->key = wire_get_text(reader, arena);
    ret->expect = wire_get_u64(reader);
    if (kind == OP_PUT) {
        ret->value = wire_get_bytes(reader, &ret->size_bytes);
    } else if (kind != OP_DELETE) {
        reader->failed = true;
    }
}

int mutation_parse(const void *bytes, size_t size_bytes, struct arena *arena,
                   struct replica_request *ret)
{
    struct wire_reader reader = wire_reader_of(bytes, size_bytes);
    uint8_t kind = wire_get_u8(&reader);
    if (kind >= REPLICA_REQUEST_MAX) {
        return -EBADMSG;
    }
    struct replica_request request = {.kind = (enum replica_request_kind)kind};
    request.lease = wire_get_text(&reader, arena);
    request.owner = wire_get_text(&reader, arena);
    request.term = wire_get_u64(&reader);
    request.version = wire_get_u64(&reader);
    request.ops_count = wire_get_u32(&reader);
    // An operation takes at least as many bytes as this, so that a forged count reserves no memory.
    if (reader.failed || request.ops_count > reader.left_bytes / 11 ||
        (request.lease == NULL) != (request.owner == NULL) ||
        (kind != REPLICA_REQUEST_TXN && request.ops_count > 0)) {
        return -EBADMSG;
    }
    struct replica_op *ops = arena_array_of(arena, struct replica_op, request.ops_count);
    for (size_t i = 0; i < request.ops_count && !reader.failed; i++) {
        op_parse(&reader, arena, &ops[i]);
    }
    request.ops = ops;
    const char *reason = NULL;
    if (!wire_is_complete(&reader) || mutation_check(&request, &reason) < 0) {
        return -EBADMSG;
    }
    *ret = request;
    return 0;
}

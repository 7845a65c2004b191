// SPDX-License-Identifier: Apache-2.0
// The operations of the socket that change the cluster itself; see server_ops.c.
#pragma once

struct server;
struct server_call;

void server_ops_expected(const struct server_call *call);
void server_ops_leave(const struct server_call *call);
void server_ops_reload(const struct server_call *call);
void server_ops_restart(const struct server_call *call);
void server_ops_set_aside(const struct server_call *call);

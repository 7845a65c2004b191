// SPDX-License-Identifier: Apache-2.0
// Clients of an HTTPS server, for measurements: each keeps its connection and asks again as soon as
// its answer has come. Prints one JSON object.
//
//   bench_http PORT PATH CLIENTS SECONDS [HEADER]      for so many seconds
//   bench_http PORT PATH CLIENTS -REQUESTS [HEADER]    so many requests of all clients together
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_MAX = 4 * 1000 * 1000 };

struct bench {
    struct event_base *base;
    SSL_CTX *tls;
    uint16_t port;
    const char *path;
    const char *header;
    int64_t requests_left; // -1: until the time is up
    uint32_t *samples_us;
    size_t samples;
    size_t connections;
    size_t failures;
    size_t body_bytes;
    bool over;
};

struct client {
    struct bench *bench;
    struct bufferevent *bev;
    int64_t asked_us;
    size_t need; // of the answer under way, 0: its head has not come
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void client_connect(struct client *client);

static void client_ask(struct client *client)
{
    struct bench *bench = client->bench;
    if (bench->requests_left == 0) {
        bench->over = true;
        (void)event_base_loopbreak(bench->base);
        return;
    }
    bench->requests_left -= bench->requests_left > 0 ? 1 : 0;
    client->asked_us = now_us();
    client->need = 0;
    (void)evbuffer_add_printf(bufferevent_get_output(client->bev),
                              "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", bench->path,
                              bench->header, *bench->header != '\0' ? "\r\n" : "");
}

// The whole length of the answer whose head is there.
static size_t answer_length(struct client *client, struct evbuffer *input)
{
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    struct evbuffer_ptr length = evbuffer_search(input, "Content-Length: ", 16, NULL);
    char digits[16] = "";
    if (end.pos < 0 || length.pos < 0 ||
        evbuffer_ptr_set(input, &length, 16, EVBUFFER_PTR_ADD) < 0) {
        return 0;
    }
    (void)evbuffer_copyout_from(input, &length, digits, sizeof(digits) - 1);
    client->bench->body_bytes = (size_t)strtol(digits, NULL, 10);
    return (size_t)end.pos + 4 + client->bench->body_bytes;
}

static void on_read(struct bufferevent *bev, void *userdata)
{
    struct client *client = userdata;
    struct bench *bench = client->bench;
    struct evbuffer *input = bufferevent_get_input(bev);
    if (client->need == 0) {
        client->need = answer_length(client, input);
    }
    if (client->need == 0 || evbuffer_get_length(input) < client->need) {
        return;
    }
    char status[13] = "";
    (void)evbuffer_copyout(input, status, sizeof(status) - 1);
    (void)evbuffer_drain(input, client->need);
    bench->failures += strncmp(status + 9, "200", 3) == 0 ? 0 : 1;
    if (bench->samples < SAMPLES_MAX) {
        bench->samples_us[bench->samples++] = (uint32_t)(now_us() - client->asked_us);
    }
    client_ask(client);
}

static void on_event(struct bufferevent *bev, short what, void *userdata)
{
    struct client *client = userdata;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        client->bench->connections++;
        client_ask(client);
        return;
    }
    bufferevent_free(bev);
    client->bench->failures += client->bench->over ? 0 : 1;
    if (client->bench->failures > 1000) {
        (void)event_base_loopbreak(client->bench->base);
        return;
    }
    client_connect(client);
}

static void client_connect(struct client *client)
{
    struct bench *bench = client->bench;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(bench->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->bev = bufferevent_openssl_socket_new(bench->base, -1, SSL_new(bench->tls),
                                                 BUFFEREVENT_SSL_CONNECTING,
                                                 BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    assert(client->bev != NULL);
    bufferevent_setcb(client->bev, on_read, NULL, on_event, client);
    (void)bufferevent_enable(client->bev, EV_READ | EV_WRITE);
    int r = bufferevent_socket_connect(client->bev, (struct sockaddr *)&to, sizeof(to));
    assert(r == 0);
}

static int samples_compare(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;
    return (*left > *right) - (*left < *right);
}

static double percentile_ms(const struct bench *bench, double share)
{
    if (bench->samples == 0) {
        return 0;
    }
    size_t at = (size_t)((double)bench->samples * share);
    return bench->samples_us[at < bench->samples ? at : bench->samples - 1] / 1000.0;
}

int main(int argc, char *argv[])
{
    if (argc < 5) {
        fprintf(stderr, "usage: bench_http PORT PATH CLIENTS SECONDS|-REQUESTS [HEADER]\n");
        return 2;
    }
    long amount = strtol(argv[4], NULL, 10);
    long count = strtol(argv[3], NULL, 10);
    struct bench bench = {
        .base = event_base_new(),
        .tls = SSL_CTX_new(TLS_client_method()),
        .port = (uint16_t)strtol(argv[1], NULL, 10),
        .path = argv[2],
        .header = argc > 5 ? argv[5] : "",
        .requests_left = amount < 0 ? -amount : -1,
        .samples_us = calloc(SAMPLES_MAX, sizeof(uint32_t)),
    };
    struct client *clients = calloc((size_t)count, sizeof(*clients));
    assert(clients != NULL && bench.samples_us != NULL);
    int64_t began_us = now_us();
    for (long i = 0; i < count; i++) {
        clients[i].bench = &bench;
        client_connect(&clients[i]);
    }
    struct timeval time = {.tv_sec = amount > 0 ? amount : 600};
    (void)event_base_loopexit(bench.base, &time);
    (void)event_base_dispatch(bench.base);
    double seconds = (double)(now_us() - began_us) / 1e6;
    qsort(bench.samples_us, bench.samples, sizeof(uint32_t), samples_compare);
    printf("{\"requests\": %zu, \"failures\": %zu, \"connections\": %zu, \"body_bytes\": %zu, "
           "\"requests_per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
           bench.samples, bench.failures, bench.connections, bench.body_bytes,
           (double)bench.samples / seconds, percentile_ms(&bench, 0.5), percentile_ms(&bench, 0.99),
           percentile_ms(&bench, 1.0));
    return bench.failures == 0 && bench.samples > 0 ? 0 : 1;
}

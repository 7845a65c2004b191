// SPDX-License-Identifier: Apache-2.0
// What comes back from a port: on the loopback, where nothing is lost.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/host/udp_probe.h"
#include "tests/lib/test.h"

enum { SHORT_MS = 50 };

// A socket with a free port of 127.0.0.1.
static int bind_any(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void ports_tell_whether_somebody_listens(void **state)
{
    (void)state;
    uint16_t used = 0;
    uint16_t unused = 0;
    char byte;
    int listener = bind_any(&used);
    int other = bind_any(&unused);
    assert_int_equal(close(other), 0);
    struct udp_probe probes[] = {
        {.address = "127.0.0.1", .port = used},
        {.address = "127.0.0.1", .port = unused},
        {.address = "a.name.example", .port = used},
    };
    udp_probe_run(probes, 3, SHORT_MS);
    assert_int_equal(probes[0].answer, UDP_SILENT);
    assert_int_equal(probes[1].answer, UDP_REFUSED);
    assert_int_equal(probes[2].answer, UDP_UNKNOWN);
    // What was sent is empty: Corosync takes that for no message.
    assert_int_equal(recv(listener, &byte, 1, 0), 0);
    assert_int_equal(close(listener), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_tell_whether_somebody_listens),
    };
    return cmocka_run_group_tests_name("udp_probe", tests, NULL, NULL);
}

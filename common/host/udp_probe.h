// SPDX-License-Identifier: Apache-2.0
// What an address says to an empty datagram. Corosync takes none for a message, so it may be sent
// to a port that is in use.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum udp_answer {
    UDP_SILENT = 1,  // somebody listens there, or a firewall drops it
    UDP_REFUSED,     // the machine is there, and nobody listens on the port
    UDP_UNREACHABLE, // nobody has the address, or no way leads there
    UDP_FORBIDDEN,   // this machine's own firewall
    UDP_UNKNOWN,     // not a numeric address
};

struct udp_probe {
    const char *address; // numeric, IPv4 or IPv6
    uint16_t port;
    enum udp_answer answer; // set by udp_probe_run()
};

enum { UDP_PROBE_MS = 3500 }; // the kernel asks three times, a second each, who has an address

// All at once; waits until all have answered, wait_ms at most.
void udp_probe_run(struct udp_probe *probes, size_t count, int64_t wait_ms);

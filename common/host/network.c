// SPDX-License-Identifier: Apache-2.0
// This machine's addresses, from the kernel's list of interfaces.
#include "common/host/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/arena.h"
#include "common/base/error.h"

// The binary form, so that two spellings of one address are equal. False: no numeric address.
static bool address_read(const char *text, int *ret_family, unsigned char bytes[16])
{
    for (size_t i = 0; i < 2; i++) {
        int family = i == 0 ? AF_INET : AF_INET6;
        if (inet_pton(family, text, bytes) == 1) {
            *ret_family = family;
            return true;
        }
    }
    return false;
}

bool network_is_address(const char *text)
{
    int family;
    unsigned char bytes[16];
    return address_read(text, &family, bytes);
}

static const void *interface_bytes(const struct ifaddrs *interface, int family)
{
    if (interface->ifa_addr == NULL || interface->ifa_addr->sa_family != family) {
        return NULL;
    }
    const void *address = interface->ifa_addr;
    if (family == AF_INET) {
        return &((const struct sockaddr_in *)address)->sin_addr;
    }
    return &((const struct sockaddr_in6 *)address)->sin6_addr;
}

bool network_is_local(const char *address)
{
    int family;
    unsigned char wanted[16];
    struct ifaddrs *list;
    if (!address_read(address, &family, wanted) || getifaddrs(&list) < 0) {
        return false;
    }
    size_t size = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    bool found = false;
    for (const struct ifaddrs *i = list; i != NULL && !found; i = i->ifa_next) {
        const void *bytes = interface_bytes(i, family);
        found = bytes != NULL && memcmp(bytes, wanted, size) == 0;
    }
    freeifaddrs(list);
    return found;
}

static char *first_of_family(struct arena *arena, const struct ifaddrs *list, int family)
{
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        const void *bytes = interface_bytes(i, family);
        if (bytes == NULL || (i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0 ||
            (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes))) {
            continue;
        }
        char text[INET6_ADDRSTRLEN];
        if (inet_ntop(family, bytes, text, sizeof(text)) != NULL) {
            return arena_strdup(arena, text);
        }
    }
    return NULL;
}

int network_first_address(struct arena *arena, char **ret_address, struct error *err)
{
    struct ifaddrs *list;
    if (getifaddrs(&list) < 0) {
        return error_set_errno(err, -errno, "cannot list the network interfaces");
    }
    char *address = first_of_family(arena, list, AF_INET);
    if (address == NULL) {
        address = first_of_family(arena, list, AF_INET6);
    }
    freeifaddrs(list);
    if (address == NULL) {
        return error_set(err, -EADDRNOTAVAIL, "no network interface is up with an address");
    }
    *ret_address = address;
    return 0;
}

static char *interface_text(struct arena *arena, const struct ifaddrs *interface, int family)
{
    const void *bytes = interface_bytes(interface, family);
    char text[INET6_ADDRSTRLEN];
    if (bytes == NULL || (interface->ifa_flags & IFF_UP) == 0 ||
        (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes)) ||
        inet_ntop(family, bytes, text, sizeof(text)) == NULL) {
        return NULL;
    }
    return arena_strdup(arena, text);
}

int network_addresses(struct arena *arena, const char *const **ret_addresses, size_t *ret_count,
                      struct error *err)
{
    struct ifaddrs *list;
    if (getifaddrs(&list) < 0) {
        return error_set_errno(err, -errno, "cannot list the network interfaces");
    }
    size_t entries = 0;
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        entries++;
    }
    const char **addresses = arena_array_of(arena, const char *, entries);
    size_t count = 0;
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        char *text = interface_text(arena, i, AF_INET);
        text = text != NULL ? text : interface_text(arena, i, AF_INET6);
        if (text != NULL) {
            addresses[count++] = text;
        }
    }
    freeifaddrs(list);
    *ret_addresses = addresses;
    *ret_count = count;
    return 0;
}

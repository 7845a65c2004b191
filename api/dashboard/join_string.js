// SPDX-License-Identifier: Apache-2.0
// The join information that is copied from a member's page and pasted on the page of a node that is to come: base64 of
// JSON with the peer's address, fingerprint and links. Pure.

// What GET /cluster/config/join said -> {address, fingerprint, text}.
export function joinInformation(join) {
    const preferred = (join.nodelist ?? []).find((node) => node.name === join.preferred_node);
    if (!preferred) throw new Error('the answer names no preferred node');
    const peerLinks = {};
    for (const key of Object.keys(preferred).sort()) {
        const match = /^ring([0-7])_addr$/.exec(key);
        if (match) peerLinks[match[1]] = preferred[key];
    }
    const information = {
        ipAddress: preferred.pve_addr,
        fingerprint: preferred.pve_fp,
        peerLinks,
        ring_addr: Object.values(peerLinks),
        totem: join.totem ?? {},
    };
    return {
        address: information.ipAddress,
        fingerprint: information.fingerprint,
        text: encodeBase64(JSON.stringify(information)),
    };
}

// What was pasted -> {address, fingerprint, clusterName, links: [number]}, or an error that says what is wrong.
export function parseJoinString(text) {
    const compact = text.replace(/\s+/g, '');
    if (compact === '') throw new Error('nothing was pasted');
    let information;
    try {
        information = JSON.parse(decodeBase64(compact));
    } catch {
        throw new Error('this is not join information: it is not base64 of JSON');
    }
    if (information === null || typeof information !== 'object' || Array.isArray(information)) {
        throw new Error('this is not join information');
    }
    const { ipAddress: address, fingerprint, peerLinks, totem } = information;
    if (typeof address !== 'string' || address === '') throw new Error('the address of the peer is missing');
    if (typeof fingerprint !== 'string' || !/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/i.test(fingerprint)) {
        throw new Error('the fingerprint is missing or not one of SHA-256');
    }
    const links = Object.keys(peerLinks ?? {}).filter((key) => /^[0-7]$/.test(key)).map(Number).sort();
    return { address, fingerprint: fingerprint.toUpperCase(), clusterName: totem?.cluster_name ?? '',
        links: links.length > 0 ? links : [0] };
}

function encodeBase64(text) {
    return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function decodeBase64(text) {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
}

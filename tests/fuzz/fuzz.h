// SPDX-License-Identifier: Apache-2.0
// What every fuzz target defines. replay_main.c or the fuzzer calls it.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Feeds the bytes to one parser. Aborts when the parser breaks a promise.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

// SPDX-License-Identifier: Apache-2.0
// Well-formed UTF-8 (RFC 3629): what may go into documents and onto a terminal.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

enum { UTF8_SEQUENCE_MAX = 4 };

// How many bytes the character at the start of the text has; 0 when it is not well-formed or the
// text is empty.
size_t utf8_length(const char *text, size_t size_bytes) WARN_UNUSED;
// Writes the code point and returns the number of bytes. The code point must be a scalar value.
size_t utf8_encode(uint32_t code, char buffer[UTF8_SEQUENCE_MAX]) WARN_UNUSED;

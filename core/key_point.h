/* The public point of a key, for the formats that write it out. */
#ifndef SEKISHO_CORE_KEY_POINT_H
#define SEKISHO_CORE_KEY_POINT_H

#include "core/key.h"

enum { KEY_COORDINATE_SIZE = 32 };

/* Affine coordinates, big-endian at full width. 0 or ERR_CRYPTO. */
int key_point(const struct key *key, uint8_t x[static KEY_COORDINATE_SIZE],
        uint8_t y[static KEY_COORDINATE_SIZE]);

#endif

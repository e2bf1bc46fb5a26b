/*
 * What a schema cannot say of a YAML text: one document, plain data, no aliases, anchors or tags,
 * little nesting, no key twice; and where each value stands, for errors that are found later.
 */
#ifndef SEKISHO_POLICY_YAML_SHAPE_H
#define SEKISHO_POLICY_YAML_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/document.h"

enum { SHAPE_DEPTH_MAX = 4, SHAPE_PLACES_MAX = 128, SHAPE_PATH_MAX = 96 };

struct shape_place {
	char path[SHAPE_PATH_MAX]; /* "login.totp.digits"; a list in a list: "login.factors[0]" */
	size_t key_line, key_column;
	size_t line, column; /* of the value, from 1 */
	bool literal; /* a block scalar `|`: line is that of the bar, its text starts on the next */
	bool decimal; /* digits alone, without leading zeros */
};

struct shape {
	size_t count;
	struct shape_place places[SHAPE_PLACES_MAX];
};

/* 0, or ERR_FORMAT with *error. */
int shape_read(const uint8_t *text, size_t length, struct shape *shape, struct policy_error *error);

const struct shape_place *shape_find(const struct shape *shape, const char *path); /* or NULL */

/* A place whose last key is this, or NULL. */
const struct shape_place *shape_find_key(const struct shape *shape, const char *key);

#endif

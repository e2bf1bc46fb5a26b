#include "tests/unit/cmocka_all.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keyboard_only.h"

struct bytes {
	uint8_t data[512];
	size_t length;
};

static void put(struct bytes *b, const uint8_t *data, size_t length)
{
	assert_true(b->length + length <= sizeof(b->data));
	memcpy(b->data + b->length, data, length);
	b->length += length;
}

static void start(struct bytes *b, uint8_t class)
{
	const uint8_t device[18] = {18, 1, 0, 2, class, 0, 0, 8, 1, 2, 3, 4, 0, 1, 1, 2, 3, 1};
	const uint8_t configuration[9] = {9, 2, 0, 0, 1, 1, 0, 0xa0, 50};

	b->length = 0;
	put(b, device, sizeof(device));
	put(b, configuration, sizeof(configuration));
}

static void interface(struct bytes *b, uint8_t class, uint8_t subclass, uint8_t protocol)
{
	const uint8_t d[9] = {9, 4, 0, 0, 1, class, subclass, protocol, 0};
	const uint8_t hid[9] = {9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0};
	const uint8_t endpoint[7] = {7, 5, 0x81, 3, 8, 0, 10};

	put(b, d, sizeof(d));
	if (class == 3)
		put(b, hid, sizeof(hid));
	put(b, endpoint, sizeof(endpoint));
}

static void end(struct bytes *b)
{
	b->data[20] = (uint8_t)(b->length - 18);
	b->data[21] = (uint8_t)((b->length - 18) >> 8);
}

/* Read from memory of exactly that size: a byte too far is ASan's to find. */
static bool judged(const struct bytes *b, size_t length)
{
	uint8_t *exact = malloc(length > 0 ? length : 1);
	bool answer;

	assert_non_null(exact);
	memcpy(exact, b->data, length);
	answer = keyboard_only(exact, length);
	free(exact);
	return answer;
}

static void test_keyboards(void **state)
{
	struct bytes b;

	(void)state;
	start(&b, 0);
	interface(&b, 3, 1, 1);
	end(&b);
	assert_true(judged(&b, b.length));
	start(&b, 0);
	interface(&b, 3, 1, 1);
	interface(&b, 3, 0, 0); /* media keys */
	end(&b);
	assert_true(judged(&b, b.length));
}

static void test_hubs(void **state)
{
	struct bytes b;

	(void)state;
	start(&b, 9);
	interface(&b, 9, 0, 0);
	end(&b);
	assert_true(judged(&b, b.length));
	start(&b, 9);
	interface(&b, 9, 0, 0);
	interface(&b, 8, 6, 0x50);
	end(&b);
	assert_false(judged(&b, b.length));
	start(&b, 0);
	interface(&b, 9, 0, 0);
	end(&b);
	assert_false(judged(&b, b.length));
}

static void test_others(void **state)
{
	static const uint8_t classes[][3] = {{8, 6, 0x50}, {8, 6, 0x62}, {6, 1, 1}, {2, 2, 1},
	        {0xff, 0, 0}, {0xe0, 1, 1}, {7, 1, 2}, {3, 1, 2}, {3, 0, 0}};
	struct bytes b;

	(void)state;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const uint8_t *c = classes[i];

		start(&b, 0);
		interface(&b, c[0], c[1], c[2]);
		end(&b);
		assert_false(judged(&b, b.length));
		if (c[0] == 3)
			continue;
		start(&b, 0);
		interface(&b, 3, 1, 1);
		interface(&b, c[0], c[1], c[2]);
		end(&b);
		assert_false(judged(&b, b.length));
	}
}

/* Cut anywhere, or with any one byte that is a length, a count or a class changed, it is not
 * believed. */
static void test_lies(void **state)
{
	static const size_t believed[] = {0, 1, 4, 17, 18, 19, 20, 21, 27, 28, 32, 33, 34};
	struct bytes b;

	(void)state;
	start(&b, 0);
	interface(&b, 3, 1, 1);
	end(&b);
	for (size_t length = 0; length < b.length; length++)
		assert_false(judged(&b, length));
	for (size_t i = 0; i < sizeof(believed) / sizeof(believed[0]); i++) {
		struct bytes changed = b;

		changed.data[believed[i]] = 0x7f;
		assert_false(judged(&changed, changed.length));
		changed.data[believed[i]] = 0;
		if (b.data[believed[i]] != 0)
			assert_false(judged(&changed, changed.length));
	}
	b.data[17] = 2; /* a second configuration that is not there */
	assert_false(judged(&b, b.length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_keyboards),
	        cmocka_unit_test(test_hubs),
	        cmocka_unit_test(test_others),
	        cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Vouchers as documents, as codes, and as names in a directory. */
#include "tests/unit/workspace.h"

#include "agent/auth_person.h"
#include "agent/auth_voucher.h"
#include "agent/paths.h"
#include "agent/voucher.h"
#include "core/encode.h"
#include "core/error.h"

#define H16 "00112233445566778899aabbccddeeff"
#define GOOD                                                                                       \
	"{\"sekisho\":\"voucher-1\",\"terminal\":\"window-01\",\"user\":\"hanako\","               \
	"\"day\":\"2026-11-21\",\"id\":\"" H16 "\",\"salt\":\"" H16 "\",\"hash\":\"" H16 H16 "\"}"

static void reads_what_it_writes(void **state)
{
	struct voucher v;
	struct voucher again;
	char *text = NULL;
	int32_t day = 0;

	(void)state;
	assert_int_equal(voucher_parse((const uint8_t *)GOOD, strlen(GOOD), &v), 0);
	assert_string_equal(v.terminal, "window-01");
	assert_string_equal(v.user, "hanako");
	assert_int_equal(person_day_parse("2026-11-21", &day), 0);
	assert_int_equal(v.day, day);
	assert_int_equal(v.id[1], 0x11);
	assert_int_equal(v.hash[31], 0xff);
	text = voucher_print(&v);
	assert_non_null(text);
	assert_int_equal(voucher_parse((const uint8_t *)text, strlen(text), &again), 0);
	assert_memory_equal(&again, &v, sizeof(v));
	free(text);
}

static void refuses_everything_else(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
	        {"voucher-1", "voucher-2"},
	        {"voucher-1", "policy-1"},
	        {"window-01", ""},
	        {"window-01", "a\\u0000b"},
	        {"window-01", "12345678901234567890123456789012345678901234567890123456789012345"},
	        {"hanako", ""},
	        {"hanako", "Hanako"},
	        {"hanako", "../etc"},
	        {"hanako", ".taken"},
	        {"hanako", "a23456789012345678901234567890123"},
	        {"2026-11-21", "2026-11-31"},
	        {"2026-11-21", "1970-01-01"},
	        {"2026-11-21", "2026-11-21T00:00:00Z"},
	        {"\"day\":\"2026-11-21\"", "\"day\":20778"},
	        {"\"day\":\"2026-11-21\",", ""},
	        {"\"day\"", "\"user\":\"root\",\"day\""},
	        {"\"day\"", "\"again\":true,\"day\""},
	        {H16, "00112233445566778899aabbccddee"},
	        {H16, "00112233445566778899aabbccddeefg"},
	        {"{", "[{"},
	        {"}", "}}"},
	        {"}", ""},
	};
	static const struct voucher none;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = strstr(GOOD, cases[i].from);
		char text[1024];
		struct voucher v;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, cases[i].to,
		        at + strlen(cases[i].from));
		assert_int_equal(
		        voucher_parse((const uint8_t *)text, strlen(text), &v), ERR_FORMAT);
		assert_memory_equal(&v, &none, sizeof(v));
	}
}

/* Computed by Python's hashlib.scrypt(b"0123456789012345", salt=bytes.fromhex(H16), n=8192, r=8,
 * p=1, dklen=32). */
static void hashes_as_others_do(void **state)
{
	static const char expected[] =
	        "752deb2f369de43904465b0e7f981e398d40d524f9f1677f6ed662ee7e369b7b";
	uint8_t salt[VOUCHER_SALT_SIZE];
	uint8_t hash[VOUCHER_HASH_SIZE];
	char text[2 * VOUCHER_HASH_SIZE + 1];

	(void)state;
	assert_int_equal(decode_hex(H16, salt, sizeof(salt)), 0);
	assert_int_equal(voucher_hash("0123456789012345", salt, hash), 0);
	encode_hex(hash, sizeof(hash), text);
	assert_string_equal(text, expected);
}

static void makes_codes_that_differ(void **state)
{
	struct voucher one = {0};
	struct voucher other = {0};
	char code[VOUCHER_CODE_SIZE];
	char another[VOUCHER_CODE_SIZE];
	uint8_t hash[VOUCHER_HASH_SIZE];

	(void)state;
	assert_int_equal(voucher_make(&one, code), 0);
	assert_int_equal(voucher_make(&other, another), 0);
	assert_int_equal(strspn(code, "0123456789"), VOUCHER_CODE_SIZE - 1);
	assert_int_equal(strlen(code), VOUCHER_CODE_SIZE - 1);
	assert_string_not_equal(code, another);
	assert_memory_not_equal(one.id, other.id, sizeof(one.id));
	assert_memory_not_equal(one.salt, other.salt, sizeof(one.salt));
	assert_int_equal(voucher_hash(code, one.salt, hash), 0);
	assert_memory_equal(hash, one.hash, sizeof(hash));
	assert_int_equal(voucher_hash(another, one.salt, hash), 0);
	assert_memory_not_equal(hash, one.hash, sizeof(hash));
}

static void names_of_marks(void **state)
{
	static const char *const none[] = {"", ".", "..", "2026-11-21", "2026-11-21.",
	        "2026-11-21.Hanako", "2026-11-31.hanako", "2026-11-21-hanako", "2026-1-21.hanako",
	        "2026-11-21./hanako", ".taken-2026-11-21-00"};
	char name[VOUCHER_MARK_SIZE];
	int32_t day = 0;
	int32_t again = 0;

	(void)state;
	assert_int_equal(person_day_parse("2026-11-21", &day), 0);
	voucher_mark_print(day, "t.yamada", name);
	assert_string_equal(name, "2026-11-21.t.yamada");
	assert_string_equal(voucher_mark_parse(name, &again), "t.yamada");
	assert_int_equal(again, day);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(voucher_mark_parse(none[i], &again));
}

static void counts_only_while_it_is_there(void **state)
{
	const struct workspace *w = *state;
	int32_t day = 0;

	assert_int_equal(person_day_parse("2026-11-21", &day), 0);
	assert_false(voucher_in_force(w->fd, "hanako", day));
	assert_int_equal(workspace_run(w, "mkdir -p " PATH_VOUCHER_DIR " && cd " PATH_VOUCHER_DIR
	                                  " && touch 2026-11-21.hanako && ln -s "
	                                  "2026-11-21.hanako 2026-11-21.taro"),
	        0);
	assert_true(voucher_in_force(w->fd, "hanako", day));
	assert_false(voucher_in_force(w->fd, "hanako", day + 1));
	assert_false(voucher_in_force(w->fd, "hanako", day - 1));
	assert_false(voucher_in_force(w->fd, "hanako", 0));
	assert_false(voucher_in_force(w->fd, "taro", day));
	assert_false(voucher_in_force(w->fd, "../auth/hanako", day));
}

/* No signer: nothing can be told, and what ended stays until it can. */
static void what_cannot_be_told_stays(void **state)
{
	const struct workspace *w = *state;
	struct channel channel = {.main_fd = -1, .signer_fd = -1};
	char users[64];
	int32_t day = 0;

	assert_int_equal(person_day_parse("2026-11-21", &day), 0);
	assert_int_equal(voucher_sweep(&channel, w->fd, day, users, sizeof(users)), 0);
	assert_string_equal(users, "");
	assert_int_equal(workspace_run(w, "mkdir -p " PATH_VOUCHER_DIR " && cd " PATH_VOUCHER_DIR
	                                  " && touch 2026-11-21.taro 2026-11-21.hanako other"),
	        0);
	assert_int_equal(voucher_sweep(&channel, w->fd, day, users, sizeof(users)), 0);
	assert_string_equal(users, "hanako taro");
	assert_int_not_equal(voucher_sweep(&channel, w->fd, day + 1, users, sizeof(users)), 0);
	assert_string_equal(users, "");
	assert_int_equal(workspace_run(w, "test -e " PATH_VOUCHER_DIR "/2026-11-21.taro"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_what_it_writes),
	        cmocka_unit_test(refuses_everything_else),
	        cmocka_unit_test(hashes_as_others_do),
	        cmocka_unit_test(makes_codes_that_differ),
	        cmocka_unit_test(names_of_marks),
	        cmocka_unit_test_setup_teardown(
	                counts_only_while_it_is_there, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                what_cannot_be_told_stays, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

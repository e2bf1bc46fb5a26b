#include "tests/unit/agent/auth_fixture.h"

#include "core/encode.h"
#include "core/error.h"

static void read_back(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(s.generation, 1);
	assert_false(s.locked);
	assert_int_equal(s.uid, FIXTURE_UID);
	assert_int_equal(s.next_id, 2);
	assert_int_equal(s.tokens[0].id, 1);
	assert_int_equal(s.tokens[0].kind, TOKEN_TOTP);
	assert_int_equal(s.tokens[0].otp.algorithm, AUTH_SHA1);
	assert_int_equal(s.tokens[0].enrolled_at, 1000);
	assert_string_equal(s.tokens[0].by, "taro");
	assert_string_equal(s.tokens[0].label, "");
	assert_int_equal(s.tokens[0].otp.secret_length, 20);
	assert_memory_equal(s.tokens[0].otp.secret, "12345678901234567890", 20);
	assert_int_equal(s.tokens[1].kind, TOKEN_NONE);
	s.locked = true;
	s.failures = 3;
	s.tokens[0].otp.counter = 77;
	s.tokens[0].last_used = 99;
	assert_int_equal(auth_state_write(&file, &s), 0);
	memset(&s, 0, sizeof(s));
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(s.generation, 2);
	assert_true(s.locked);
	assert_int_equal(s.failures, 3);
	assert_int_equal(s.tokens[0].otp.counter, 77);
	assert_int_equal(s.tokens[0].last_used, 99);
	close(file.fd);
}

static void spoil(const struct auth_file *file, off_t at)
{
	uint8_t byte = 0;

	assert_int_equal(pread(file->fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(file->fd, &byte, 1, at), 1);
}

/* Every byte of the newer record, one after the other, as a power cut may leave it: the older one
 * counts. */
static void torn_write_leaves_the_record_before(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	s.failures = 1;
	assert_int_equal(auth_state_write(&file, &s), 0);
	for (off_t at = 0; at < AUTH_RECORD_SIZE; at += at < 300 ? 1 : 37) {
		spoil(&file, at);
		assert_int_equal(auth_state_read(&file, &s), 0);
		assert_int_equal(s.generation, 1);
		assert_int_equal(s.failures, 0);
		spoil(&file, at);
	}
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(s.generation, 2);
	close(file.fd);
}

static void writes_go_on_after_a_torn_one(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(auth_state_write(&file, &s), 0);
	spoil(&file, 40);
	assert_int_equal(auth_state_read(&file, &s), 0);
	s.failures = 2;
	assert_int_equal(auth_state_write(&file, &s), 0);
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(s.generation, 2);
	assert_int_equal(s.failures, 2);
	close(file.fd);
}

static void both_records_bad_is_an_error(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(auth_state_write(&file, &s), 0);
	spoil(&file, 30);
	spoil(&file, AUTH_SLOT_STRIDE + 200);
	assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
	close(file.fd);
}

static void another_size_is_an_error(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	static const off_t sizes[] = {
	        0, 1, AUTH_SLOT_STRIDE, AUTH_AREA_SIZE - 1, AUTH_AREA_SIZE + 1};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(ftruncate(file.fd, sizes[i]), 0);
		assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
	}
	assert_int_equal(ftruncate(file.fd, 0), 0);
	assert_int_equal(ftruncate(file.fd, AUTH_AREA_SIZE), 0);
	assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
	close(file.fd);
}

/* Changes one byte of the record in slot 1 and makes its checksum right again. */
static void forge(const struct auth_file *file, size_t at, uint8_t value)
{
	uint8_t record[AUTH_RECORD_SIZE];

	assert_int_equal(
	        pread(file->fd, record, sizeof(record), AUTH_SLOT_STRIDE), (int)sizeof(record));
	record[at] = value;
	assert_int_equal(encode_sha256(record, 4064, record + 4064), 0);
	assert_int_equal(
	        pwrite(file->fd, record, sizeof(record), AUTH_SLOT_STRIDE), (int)sizeof(record));
}

static void what_the_format_does_not_allow_is_an_error(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		int error;
	} cases[] = {
	        {0, 'X', ERR_FORMAT},  /* magic */
	        {5, 3, ERR_VERSION},   /* version */
	        {5, 1, ERR_FORMAT},    /* of another size than it has */
	        {7, 1, ERR_FORMAT},    /* record size */
	        {15, 2, ERR_FORMAT},   /* generation of the other slot */
	        {19, 2, ERR_FORMAT},   /* a flag that is not ours */
	        {29, 1, ERR_FORMAT},   /* the next id is one that was given */
	        {30, 6, ERR_FORMAT},   /* a class that is none */
	        {31, 255, ERR_FORMAT}, /* a first day before 1970 */
	        {35, 1, ERR_FORMAT},   /* a last day after 9999 */
	        {39, 1, ERR_FORMAT},   /* bytes that must be zero */
	        {63, 1, ERR_FORMAT},
	        {65, 0, ERR_FORMAT}, /* id of the token */
	        {66, 0, ERR_FORMAT}, /* its kind: none, and all the rest there */
	        {66, 9, ERR_FORMAT},
	        {66, TOKEN_HOTP, ERR_FORMAT}, /* which has no step */
	        {67, 1, ERR_FORMAT},
	        {84 + 10, 1, ERR_FORMAT}, /* after the end of a text */
	        {84 + 63, 'x', ERR_FORMAT},
	        {212, 0, ERR_FORMAT}, /* algorithm */
	        {212, 4, ERR_FORMAT},
	        {213, 7, ERR_FORMAT},  /* digits */
	        {215, 14, ERR_FORMAT}, /* step */
	        {215, 121, ERR_FORMAT},
	        {231, 1, ERR_FORMAT},  /* resynchronisation of a TOTP token */
	        {232, 19, ERR_FORMAT}, /* length of the secret */
	        {232, 65, ERR_FORMAT},
	        {297, 1, ERR_FORMAT}, /* behind the token */
	        {703, 1, ERR_FORMAT},
	        {704, 1, ERR_FORMAT}, /* a free place */
	        {706, TOKEN_TOTP, ERR_FORMAT},
	        {3921, 'x', ERR_FORMAT}, /* after the end of a text: service, terminal */
	        {3983, 'x', ERR_FORMAT},
	        {3984, 1, ERR_FORMAT}, /* a voucher's day after 9999 */
	        {3995, 1, ERR_FORMAT}, /* used, and of no day */
	        {3996, 1, ERR_FORMAT}, /* its id, salt, hash without a day */
	        {4012, 1, ERR_FORMAT},
	        {4059, 1, ERR_FORMAT},
	        {4060, 1, ERR_FORMAT}, /* behind it */
	        {4063, 1, ERR_FORMAT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct auth_file file = fixture_file(*state);
		struct auth_state s;

		forge(&file, cases[i].at, cases[i].value);
		assert_int_equal(auth_state_read(&file, &s), cases[i].error);
		close(file.fd);
	}
}

static void bad_values_are_not_written(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s = fixture_state();

	s.tokens[0].otp.digits = 7;
	assert_int_equal(auth_state_write(&file, &s), ERR_FORMAT);
	s = fixture_state();
	s.tokens[0].otp.secret_length = 0;
	assert_int_equal(auth_state_write(&file, &s), ERR_FORMAT);
	s = fixture_state();
	s.tokens[0].kind = TOKEN_NONE; /* nothing left */
	assert_int_equal(auth_state_write(&file, &s), ERR_FORMAT);
	s = fixture_state();
	s.tokens[3] = s.tokens[0]; /* the same id twice */
	assert_int_equal(auth_state_write(&file, &s), ERR_FORMAT);
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(s.generation, 1);
	close(file.fd);
}

static struct auth_token make_card(uint8_t first)
{
	return (struct auth_token){.kind = TOKEN_CARD, .card = {.fingerprint = {first}}};
}

static void tokens_come_and_go(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_token token = make_card(1);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	for (int i = 1; i < AUTH_TOKENS_MAX; i++) {
		token = make_card((uint8_t)i);
		snprintf(token.label, sizeof(token.label), "card %d", i);
		assert_int_equal(auth_state_add(&s, &token), 0);
		assert_int_equal(token.id, i + 1);
		assert_int_equal(auth_state_add(&s, &token), ERR_EXISTS);
	}
	token = make_card(99);
	assert_int_equal(auth_state_add(&s, &token), ERR_TOO_LONG);
	assert_int_equal(auth_state_write(&file, &s), 0);
	memset(&s, 0, sizeof(s));
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(auth_state_count(&s, TOKEN_CARD), AUTH_TOKENS_MAX - 1);
	assert_int_equal(auth_state_count(&s, TOKEN_NONE), AUTH_TOKENS_MAX);
	assert_string_equal(auth_state_find(&s, 3)->label, "card 2");
	assert_int_equal(auth_state_find(&s, 3)->card.fingerprint[0], 2);
	assert_null(auth_state_find(&s, 0));
	assert_null(auth_state_find(&s, 7));
	*auth_state_find(&s, 6) = (struct auth_token){0};
	assert_int_equal(auth_state_add(&s, &token), 0);
	assert_int_equal(token.id, 7); /* no id comes twice */
	close(file.fd);
}

static void keys_are_kept_whole(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_token token = {.kind = TOKEN_KEY,
	        .key = {.credential_length = TOKEN_CREDENTIAL_MAX, .counter = 0xfedcba98}};
	struct auth_state s;

	memset(token.key.credential, 0xa5, sizeof(token.key.credential));
	memset(token.key.point, 0x5a, sizeof(token.key.point));
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(auth_state_add(&s, &token), 0);
	assert_int_equal(auth_state_add(&s, &token), ERR_EXISTS);
	token.key.credential_length = 1;
	assert_int_equal(auth_state_add(&s, &token), 0);
	assert_int_equal(auth_state_write(&file, &s), 0);
	memset(&s, 0, sizeof(s));
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(auth_state_count(&s, TOKEN_KEY), 2);
	assert_int_equal(s.tokens[1].key.credential_length, TOKEN_CREDENTIAL_MAX);
	assert_int_equal(s.tokens[1].key.credential[TOKEN_CREDENTIAL_MAX - 1], 0xa5);
	assert_int_equal(s.tokens[1].key.point[0], 0x5a);
	assert_int_equal(s.tokens[1].key.point[TOKEN_POINT_SIZE - 1], 0x5a);
	assert_int_equal(s.tokens[1].key.counter, 0xfedcba98);
	s.tokens[1].key.credential_length = 0;
	assert_int_equal(auth_state_write(&file, &s), ERR_FORMAT);
	s.tokens[1].key.credential_length = TOKEN_CREDENTIAL_MAX + 1;
	assert_int_equal(auth_state_write(&file, &s), ERR_FORMAT);
	close(file.fd);
}

/* Version 1 as it was written: RFC 6238's secret, locked, in slot 0 as generation 6. */
static void old_record(uint8_t record[static 256])
{
	static const uint8_t secret[20] = {'1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '1',
	        '2', '3', '4', '5', '6', '7', '8', '9', '0'};
	static const uint8_t head[] = {'S', 'K', 'A', 'U', 0, 1, 1, 0, /* generation */ 0, 0, 0, 0,
	        0, 0, 0, 6, /* locked */ 0, 0, 0, 1, /* uid 4711 */ 0, 0, 0x12, 0x67, AUTH_SHA1, 6,
	        0, 30, /* last step */ 0, 0, 0, 0, 0, 0, 0, 77, /* failures */ 0, 0, 0, 3,
	        /* enrolled at */ 0, 0, 0, 0, 0, 0, 3, 232, /* last used */ 0, 0, 0, 0, 0, 0, 7,
	        208, 20};

	memset(record, 0, 256);
	memcpy(record, head, sizeof(head));
	memcpy(record + sizeof(head), secret, sizeof(secret));
	assert_int_equal(encode_sha256(record, 224, record + 224), 0);
}

static struct auth_file old_file(const struct workspace *w)
{
	struct auth_file file = {.fd = openat(w->fd, "old", O_RDWR | O_CREAT | O_TRUNC, 0600)};
	uint8_t record[256];

	assert_true(file.fd >= 0);
	old_record(record);
	assert_int_equal(ftruncate(file.fd, AUTH_AREA_SIZE), 0);
	assert_int_equal(pwrite(file.fd, record, sizeof(record), 0), (int)sizeof(record));
	return file;
}

static void version_1_is_read_and_becomes_2(void **state)
{
	const struct auth_file file = old_file(*state);
	struct auth_state s;
	uint8_t version[2];

	for (int round = 0; round < 2; round++) {
		assert_int_equal(auth_state_read(&file, &s), 0);
		assert_int_equal(s.generation, 6 + round);
		assert_true(s.locked);
		assert_int_equal(s.uid, 4711);
		assert_int_equal(s.failures, 3);
		assert_int_equal(auth_state_count(&s, TOKEN_NONE), 1);
		assert_int_equal(s.tokens[0].id, 1);
		assert_int_equal(s.tokens[0].kind, TOKEN_TOTP);
		assert_int_equal(s.tokens[0].enrolled_at, 1000);
		assert_int_equal(s.tokens[0].last_used, 2000);
		assert_int_equal(s.tokens[0].otp.counter, 77);
		assert_int_equal(s.tokens[0].otp.secret_length, 20);
		assert_memory_equal(s.tokens[0].otp.secret, "12345678901234567890", 20);
		if (round == 0)
			assert_int_equal(auth_state_write(&file, &s), 0);
	}
	assert_int_equal(pread(file.fd, version, 2, AUTH_SLOT_STRIDE + 4), 2);
	assert_int_equal(version[1], 2);
	spoil(&file, AUTH_SLOT_STRIDE + 1000); /* the first write of version 2 was torn */
	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(s.generation, 6);
	spoil(&file, 100);
	assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
	close(file.fd);
}

static void version_1_is_checked_as_it_was(void **state)
{
	static const size_t bad[] = {0, 6, 7, 19, 24, 25, 26, 56, 121, 223, 255, 256, 4095};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct auth_file file = old_file(*state);
		uint8_t record[256];
		struct auth_state s;

		assert_int_equal(pread(file.fd, record, sizeof(record), 0), (int)sizeof(record));
		if (bad[i] < 224) {
			record[bad[i]] ^= 0x40;
			assert_int_equal(encode_sha256(record, 224, record + 224), 0);
			assert_int_equal(
			        pwrite(file.fd, record, sizeof(record), 0), (int)sizeof(record));
		} else {
			spoil(&file, (off_t)bad[i]);
		}
		assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
		close(file.fd);
	}
}

static void lock_belongs_to_the_open_file(void **state)
{
	struct workspace *w = *state;
	const struct auth_file one = fixture_file(w);
	const struct auth_file other = {.fd = openat(w->fd, "hanako", O_RDWR | O_CLOEXEC)};

	assert_true(other.fd >= 0);
	assert_int_equal(auth_state_lock(&one, 0), 0);
	assert_int_equal(auth_state_lock(&other, 20), ERR_TIMEOUT);
	auth_state_unlock(&one);
	assert_int_equal(auth_state_lock(&other, 20), 0);
	assert_int_equal(auth_state_lock(&one, 20), ERR_TIMEOUT);
	close(other.fd); /* what a killed worker does */
	assert_int_equal(auth_state_lock(&one, 20), 0);
	close(one.fd);
}

static void decoy_areas(void **state)
{
	struct auth_file decoy = fixture_decoy(*state);
	struct auth_state s;
	int64_t again = 0;
	int64_t other = 0;
	int different = 0;

	assert_int_equal(auth_state_decoy_area(decoy.fd, "nobody-1", &decoy.base), 0);
	assert_true(decoy.base >= AUTH_AREA_SIZE);
	assert_int_equal(decoy.base % AUTH_AREA_SIZE, 0);
	assert_int_equal(auth_state_decoy_area(decoy.fd, "nobody-1", &again), 0);
	assert_int_equal(decoy.base, again);
	for (int c = 'a'; c <= 'z'; c++) {
		char name[] = {(char)c, '\0'};

		assert_int_equal(auth_state_decoy_area(decoy.fd, name, &other), 0);
		assert_true(other < (int64_t)AUTH_DECOY_AREAS * AUTH_AREA_SIZE);
		different += other != decoy.base;
	}
	assert_true(different > 20);
	assert_int_equal(auth_state_read(&decoy, &s), ERR_NOT_FOUND);
	assert_int_equal(auth_state_decoy(&s), 0);
	assert_int_equal(auth_state_write(&decoy, &s), 0);
	assert_int_equal(auth_state_read(&decoy, &s), 0);
	close(decoy.fd);
}

static void names(void **state)
{
	static const char *const good[] = {
	        "a", "hanako", "_x", "t.yamada", "u-1", "x2", "abcdefghijklmnopqrstuvwxyz_12345"};
	static const char *const bad[] = {"", ".", "..", ".decoy", "-x", "1a", "a/b", "../x",
	        "Hanako", "a b", "a\n", "\xe8\x8a\xb1", "abcdefghijklmnopqrstuvwxyz_123456"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(auth_state_name(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(auth_state_name(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(read_back, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                torn_write_leaves_the_record_before, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                writes_go_on_after_a_torn_one, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                both_records_bad_is_an_error, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                another_size_is_an_error, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(what_the_format_does_not_allow_is_an_error,
	                workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                bad_values_are_not_written, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                tokens_come_and_go, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                keys_are_kept_whole, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                version_1_is_read_and_becomes_2, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                version_1_is_checked_as_it_was, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                lock_belongs_to_the_open_file, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(decoy_areas, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

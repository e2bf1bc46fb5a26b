#include "tests/unit/agent/auth_fixture.h"

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
 * counts. A version that is not ours is no power cut's. */
static void torn_write_leaves_the_record_before(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	s.failures = 1;
	assert_int_equal(auth_state_write(&file, &s), 0);
	for (off_t at = 0; at < AUTH_RECORD_SIZE; at += at < 300 ? 1 : 37) {
		spoil(&file, at);
		if (at == 4 || at == 5) {
			assert_int_equal(auth_state_read(&file, &s), ERR_VERSION);
			spoil(&file, at);
			continue;
		}
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

/* A user's first record, which no other stands in for: every bit of every byte. */
static void every_bit_counts(void **state)
{
	const struct auth_file file = fixture_file(*state);
	uint8_t record[AUTH_RECORD_SIZE];
	struct auth_state s;

	assert_int_equal(pread(file.fd, record, sizeof(record), AUTH_SLOT_STRIDE), sizeof(record));
	for (size_t at = 0; at < sizeof(record); at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			const uint8_t changed = (uint8_t)(record[at] ^ 1U << bit);
			const off_t place = AUTH_SLOT_STRIDE + (off_t)at;

			assert_int_equal(pwrite(file.fd, &changed, 1, place), 1);
			assert_int_not_equal(auth_state_read(&file, &s), 0);
			assert_int_equal(s.tokens[0].kind, TOKEN_NONE);
			assert_int_equal(pwrite(file.fd, &record[at], 1, place), 1);
		}
	}
	assert_int_equal(auth_state_read(&file, &s), 0);
	close(file.fd);
}

static void another_size_is_an_error(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	assert_int_equal(ftruncate(file.fd, AUTH_AREA_SIZE + 1), 0);
	assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
	for (off_t size = AUTH_AREA_SIZE - 1; size >= 0; size--) {
		assert_int_equal(ftruncate(file.fd, size), 0);
		assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
	}
	assert_int_equal(ftruncate(file.fd, AUTH_AREA_SIZE), 0);
	assert_int_equal(auth_state_read(&file, &s), ERR_FORMAT);
	close(file.fd);
}

static struct storage_bytes place_of(const uint8_t *record, uint8_t memory[static 54])
{
	static const uint8_t rest[] = {
	        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 'h', 'a', 'n', 'a', 'k', 'o'};

	memcpy(memory, record, 36);
	memcpy(memory + 36, rest, sizeof(rest));
	return (struct storage_bytes){memory, 54};
}

/* Changes one byte of the record in slot 1, before it is sealed from byte 16 on, and seals it again
 * as the header says. */
static void forge(const struct auth_file *file, size_t at, uint8_t value)
{
	uint8_t record[AUTH_RECORD_SIZE];
	uint8_t plain[AUTH_RECORD_SIZE];
	uint8_t memory[54];
	uint8_t *part = at < 16 ? record : plain;

	assert_int_equal(
	        pread(file->fd, record, sizeof(record), AUTH_SLOT_STRIDE), (int)sizeof(record));
	assert_int_equal(
	        storage_decrypt(&fixture_key, record + 24, place_of(record, memory),
	                (struct storage_bytes){record + 36, 4044}, record + 4080, plain + 16),
	        0);
	part[at] = value;
	record[24]++; /* of the nonce */
	assert_int_equal(
	        storage_encrypt(&fixture_key, record + 24, place_of(record, memory),
	                (struct storage_bytes){plain + 16, 4044}, record + 36, record + 4080),
	        0);
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
	        {5, 4, ERR_VERSION},   /* version */
	        {5, 2, ERR_VERSION},   /* which lay open */
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

static void reads(const struct auth_file *file, int expected)
{
	struct auth_state s;

	assert_int_equal(auth_state_read(file, &s), expected);
}

static void it_opens_with_its_key_alone(void **state)
{
	static const struct storage_key other = {
	        .bytes = "a key of exactly thirty-two bytf", .id = "key two"};
	struct auth_file file = fixture_file(*state);
	struct auth_state s = fixture_state();
	struct storage_key forged = other;

	file.key = &other;
	reads(&file, ERR_SEALED);
	memcpy(forged.id, fixture_key.id, sizeof(forged.id));
	file.key = &forged;
	reads(&file, ERR_FORMAT);
	file.key = NULL;
	reads(&file, ERR_SEALED);
	assert_int_equal(auth_state_write(&file, &s), ERR_SEALED);
	file.key = &fixture_key;
	reads(&file, 0);
	close(file.fd);
}

static void it_is_one_users_alone(void **state)
{
	struct auth_file file = fixture_file(*state);

	file.user = "taro";
	reads(&file, ERR_FORMAT);
	file.user = "hanak";
	reads(&file, ERR_FORMAT);
	file.user = "hanako";
	reads(&file, 0);
	close(file.fd);
}

static bool holds(int fd, const void *bytes, size_t length)
{
	uint8_t file[AUTH_AREA_SIZE];

	assert_int_equal(pread(fd, file, sizeof(file), 0), (int)sizeof(file));
	return memmem(file, sizeof(file), bytes, length) != NULL;
}

static void nothing_of_it_can_be_read(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s;

	assert_int_equal(auth_state_read(&file, &s), 0);
	assert_int_equal(auth_state_write(&file, &s), 0);
	assert_true(holds(file.fd, "SKAU", 4));
	assert_false(holds(file.fd, "12345678901234567890", 8));
	assert_false(holds(file.fd, "taro", 4));
	assert_false(holds(file.fd, fixture_key.bytes, 8));
	close(file.fd);
}

static void the_same_is_never_sealed_alike(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state s = fixture_state();
	uint8_t one[AUTH_AREA_SIZE];
	uint8_t other[AUTH_AREA_SIZE];
	const uint8_t *slot = other + AUTH_SLOT_STRIDE;

	assert_int_equal(auth_state_new(&file, &s, one), 0);
	assert_int_equal(auth_state_new(&file, &s, other), 0);
	assert_memory_equal(one + AUTH_SLOT_STRIDE, slot, 24);
	assert_memory_not_equal(one + AUTH_SLOT_STRIDE + 24, slot + 24, 12);
	assert_memory_not_equal(one + AUTH_SLOT_STRIDE + 36, slot + 36, 16);
	close(file.fd);
}

static void lock_belongs_to_the_open_file(void **state)
{
	struct workspace *w = *state;
	const struct auth_file one = fixture_file(w);
	const struct auth_file other = fixture_of(openat(w->fd, "hanako", O_RDWR | O_CLOEXEC));

	assert_int_equal(auth_state_lock(&one, 0), 0);
	assert_int_equal(auth_state_lock(&other, 20), ERR_TIMEOUT);
	auth_state_unlock(&one);
	assert_int_equal(auth_state_lock(&other, 20), 0);
	assert_int_equal(auth_state_lock(&one, 20), ERR_TIMEOUT);
	close(other.fd); /* what a killed worker does */
	assert_int_equal(auth_state_lock(&one, 20), 0);
	close(one.fd);
}

static int64_t area_of(const struct auth_file *decoy, const char *user)
{
	struct auth_file file = *decoy;

	file.user = user;
	assert_int_equal(auth_state_decoy_area(&file), 0);
	return file.base;
}

static void decoy_areas(void **state)
{
	struct auth_file decoy = fixture_decoy(*state);
	struct auth_state s;
	int different = 0;

	decoy.base = area_of(&decoy, "nobody-1");
	assert_true(decoy.base >= AUTH_AREA_SIZE);
	assert_int_equal(decoy.base % AUTH_AREA_SIZE, 0);
	assert_int_equal(area_of(&decoy, "nobody-1"), decoy.base);
	for (int c = 'a'; c <= 'z'; c++) {
		int64_t other = area_of(&decoy, (char[]){(char)c, '\0'});

		assert_true(other < (int64_t)AUTH_DECOY_AREAS * AUTH_AREA_SIZE);
		different += other != decoy.base;
	}
	assert_true(different > 20);
	assert_int_equal(auth_state_read(&decoy, &s), ERR_NOT_FOUND);
	assert_int_equal(auth_state_decoy(&s), 0);
	assert_int_equal(auth_state_write(&decoy, &s), 0);
	assert_int_equal(auth_state_read(&decoy, &s), 0);
	decoy.base = decoy.base == AUTH_AREA_SIZE ? 2 * AUTH_AREA_SIZE : AUTH_AREA_SIZE;
	assert_int_equal(auth_state_read(&decoy, &s), ERR_NOT_FOUND);
	close(decoy.fd);
}

/* What an older key left is as good as nothing. */
static void a_decoy_is_whole_from_the_start(void **state)
{
	const off_t whole = (off_t)AUTH_DECOY_AREAS * AUTH_AREA_SIZE;
	struct workspace *w = *state;
	const struct auth_file file = fixture_decoy(w);
	struct auth_file other = file;
	struct auth_state got;
	struct stat st;

	assert_int_equal(auth_state_fill_decoy(file.fd), 0);
	assert_int_equal(fstat(file.fd, &st), 0);
	assert_int_equal(st.st_size, whole);
	assert_true(st.st_blocks * 512 >= whole);
	/* What was in it stays, and what was not is no record. */
	assert_int_equal(auth_state_decoy_area(&other), 0);
	assert_int_equal(auth_state_fill_decoy(file.fd), 0);
	assert_int_equal(auth_state_read(&file, &got), 0);
	other.base = whole - AUTH_AREA_SIZE;
	assert_int_equal(auth_state_read(&other, &got), ERR_NOT_FOUND);
	close(file.fd);
}

static void a_decoy_takes_a_new_key(void **state)
{
	static const struct storage_key other = {.bytes = "another", .id = "key two"};
	struct auth_file decoy = fixture_decoy(*state);
	struct auth_state s;

	decoy.base = area_of(&decoy, "nobody-1");
	assert_int_equal(auth_state_decoy(&s), 0);
	assert_int_equal(auth_state_write(&decoy, &s), 0);
	decoy.key = &other;
	decoy.base = area_of(&decoy, "nobody-1");
	assert_int_equal(auth_state_decoy(&s), 0);
	assert_int_equal(auth_state_write(&decoy, &s), 0);
	assert_int_equal(auth_state_read(&decoy, &s), 0);
	decoy.key = NULL;
	assert_int_equal(auth_state_read(&decoy, &s), ERR_SEALED);
	assert_int_equal(auth_state_decoy_area(&decoy), ERR_SEALED);
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
	                every_bit_counts, workspace_set_up, workspace_tear_down),
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
	                it_opens_with_its_key_alone, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                it_is_one_users_alone, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nothing_of_it_can_be_read, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                the_same_is_never_sealed_alike, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                lock_belongs_to_the_open_file, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(decoy_areas, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_decoy_is_whole_from_the_start, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_decoy_takes_a_new_key, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "policy/document.h"

#include "tests/unit/workspace.h"

#include "core/cms.h"
#include "core/error.h"

static const char GOOD[] = "sekisho: policy-1\n"
                           "id: test\n"
                           "body: mito-2026\n"
                           "version: 7\n"
                           "tier: my_number\n"
                           "signers: 2\n"
                           "not_after: 2027-03-31T15:00:00Z\n"
                           "ways:\n"
                           "  hid: allow\n"
                           "  usb_storage: import\n"
                           "login:\n"
                           "  factors: [password, totp]\n"
                           "  max_failures: 3\n"
                           "  totp: {digits: 6, step: 30, window: 1}\n"
                           "report:\n"
                           "  interval: 300\n"
                           "rules: |\n"
                           "  # a keyboard\n"
                           "  allow id 0627:0001 with-interface 03:01:01\n"
                           "\n"
                           "  block\n";

/* The text with the first `from` changed into `to`; malloc'd. */
static char *change(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *changed = malloc(strlen(text) + strlen(to) + 1);

	assert_non_null(at);
	assert_non_null(changed);
	sprintf(changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return changed;
}

static void reads_every_key(void **state)
{
	struct policy *p;
	struct policy_error error;

	(void)state;
	assert_int_equal(policy_parse((const uint8_t *)GOOD, strlen(GOOD), &p, &error), 0);
	assert_string_equal(p->id, "test");
	assert_string_equal(p->body, "mito-2026");
	assert_int_equal(p->version, 7);
	assert_int_equal(p->tier, TIER_MY_NUMBER);
	assert_int_equal(p->signers, 2);
	assert_int_equal(p->not_after, 1806505200);
	for (unsigned way = 0; way < WAY_COUNT; way++)
		assert_int_equal(p->treatments[way], way == WAY_HID           ? TREATMENT_ALLOW
		                                     : way == WAY_USB_STORAGE ? TREATMENT_IMPORT
		                                                              : TREATMENT_DENY);
	assert_int_equal(p->login.count, 1);
	assert_int_equal(p->login.factors[0], FACTOR_PASSWORD | FACTOR_TOTP);
	assert_int_equal(p->idle_days, 14);
	assert_int_equal(p->max_failures, 3);
	assert_int_equal(p->totp_digits, 6);
	assert_int_equal(p->totp_step, 30);
	assert_int_equal(p->totp_window, 1);
	assert_int_equal(p->report_interval, 300);
	assert_int_equal(rule_set_count(p->rules), 2);
	assert_int_equal(strlen(p->digest), 64);
	policy_free(&p);
	assert_null(p);
	policy_free(&p);
}

static void every_way_has_a_key(void **state)
{
	(void)state;
	for (unsigned way = 0; way < WAY_COUNT; way++) {
		char key[64];
		struct policy *p;
		struct policy_error error;
		char *text;

		snprintf(key, sizeof(key), "ways: {%s: export}\n", way_name((enum way)way));
		text = change(GOOD, "ways:\n  hid: allow\n  usb_storage: import\n", key);
		assert_int_equal(policy_parse((uint8_t *)text, strlen(text), &p, &error), 0);
		for (unsigned other = 0; other < WAY_COUNT; other++)
			assert_int_equal(p->treatments[other],
			        other == way ? TREATMENT_EXPORT : TREATMENT_DENY);
		policy_free(&p);
		free(text);
	}
}

static void takes_limits(void **state)
{
	static const char *const ROWS[][2] = {{"version: 7", "version: 9007199254740991"},
	        {"max_failures: 3", "max_failures: 10"}, {"max_failures: 3", "max_failures: 1"},
	        {"digits: 6", "digits: 8"}, {"step: 30", "step: 15"}, {"step: 30", "step: 120"},
	        {"window: 1", "window: 0"}, {"window: 1", "window: 10"},
	        {"interval: 300", "interval: 10"}, {"interval: 300", "interval: 3600"},
	        {"signers: 2", "signers: 1"}, {"tier: my_number", "tier: lgwan"},
	        {"tier: my_number", "tier: internet"}, {"not_after: 2027-03-31T15:00:00Z\n", ""},
	        {"tier: my_number", "tier: \"my_number\" # quoted"}, {"id: test\n", "id: test\r\n"},
	        {"body: mito-2026", "body: toride-2026"}};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char *text = change(GOOD, ROWS[i][0], ROWS[i][1]);
		struct policy *p;
		struct policy_error error;

		if (policy_parse((uint8_t *)text, strlen(text), &p, &error))
			fail_msg("%s: %zu:%zu: %s", ROWS[i][1], error.line, error.column,
			        error.message);
		policy_free(&p);
		free(text);
	}
}

static void takes_cards(void **state)
{
	char *text = change(GOOD, "[password, totp]", "[card, pin]");
	char *other = change(text, "max_failures: 3", "max_failures: 3\n  crl_grace_hours: 72");
	struct policy_error error;
	struct policy *p;

	(void)state;
	assert_int_equal(policy_parse((uint8_t *)text, strlen(text), &p, &error), 0);
	assert_int_equal(p->crl_grace_hours, 0);
	assert_int_equal(p->idle_lock, 300);
	assert_true(login_satisfied(&p->login, FACTOR_CARD | FACTOR_PIN));
	assert_false(login_satisfied(&p->login, FACTOR_CARD));
	assert_false(login_satisfied(&p->login, FACTOR_TOTP));
	policy_free(&p);
	assert_int_equal(policy_parse((uint8_t *)other, strlen(other), &p, &error), 0);
	assert_int_equal(p->crl_grace_hours, 72);
	policy_free(&p);
	free(other);
	free(text);
}

static void takes_vouchers(void **state)
{
	static const struct {
		const char *line;
		bool allowed;
	} cases[] = {
	        {"max_failures: 3", false},
	        {"max_failures: 3\n  voucher: deny", false},
	        {"max_failures: 3\n  voucher: allow", true},
	};
	struct policy_error error;
	struct policy *p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = change(GOOD, "max_failures: 3", cases[i].line);

		assert_int_equal(policy_parse((uint8_t *)text, strlen(text), &p, &error), 0);
		assert_int_equal(p->voucher, cases[i].allowed);
		policy_free(&p);
		free(text);
	}
}

/* The PIN of a card that was forgotten is not asked either. */
static void vouchers_need_a_password(void **state)
{
	static const struct {
		const char *factors;
		int result;
	} cases[] = {
	        {"[card, pin]", ERR_FORMAT},
	        {"[password, card, pin]", 0},
	        {"[[password, totp], [card, pin]]", ERR_FORMAT},
	        {"[[password, totp], [password, card, pin]]", 0},
	};
	char *allowed = change(GOOD, "max_failures: 3", "max_failures: 3\n  voucher: allow");
	struct policy_error error;
	struct policy *p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = change(allowed, "[password, totp]", cases[i].factors);

		assert_int_equal(
		        policy_parse((uint8_t *)text, strlen(text), &p, &error), cases[i].result);
		policy_free(&p);
		free(text);
	}
	free(allowed);
}

static struct services unattended(const char *line)
{
	char *text = change(GOOD, "  max_failures: 3\n", line);
	struct policy_error error;
	struct services services;
	struct policy *p;

	assert_int_equal(policy_parse((uint8_t *)text, strlen(text), &p, &error), 0);
	services = p->unattended;
	policy_free(&p);
	free(text);
	return services;
}

static void unattended_services_are_named(void **state)
{
	struct services s = unattended("  max_failures: 3\n");

	(void)state;
	assert_true(services_have(&s, "cron"));
	assert_true(services_have(&s, "systemd-user"));
	assert_false(services_have(&s, "login"));
	assert_false(services_have(&s, ""));
	s = unattended("  max_failures: 3\n  unattended: [backup-1.x, atd]\n");
	assert_int_equal(s.count, 2);
	assert_true(services_have(&s, "backup-1.x"));
	assert_true(services_have(&s, "atd"));
	assert_false(services_have(&s, "cron"));
	s = unattended("  max_failures: 3\n  unattended: []\n");
	assert_int_equal(s.count, 0);
	for (size_t i = 0; services_interactive(i) != NULL; i++)
		assert_non_null(services_refusal(services_interactive(i)));
	services_unattended_default(&s);
	for (size_t i = 0; i < s.count; i++)
		assert_null(services_refusal(s.names[i]));
}

static void takes_combinations(void **state)
{
	char *text = change(GOOD, "[password, totp]", "[[password, totp], [hotp, password]]");
	char *other = change(
	        text, "max_failures: 3", "max_failures: 3\n  idle_days: 30\n  idle_lock: 120");
	char names[LOGIN_NAMES_SIZE];
	struct policy_error error;
	struct policy *p;

	(void)state;
	assert_int_equal(policy_parse((uint8_t *)other, strlen(other), &p, &error), 0);
	assert_int_equal(p->login.count, 2);
	assert_int_equal(p->login.factors[0], FACTOR_PASSWORD | FACTOR_TOTP);
	assert_int_equal(p->login.factors[1], FACTOR_PASSWORD | FACTOR_HOTP);
	assert_int_equal(p->idle_days, 30);
	assert_int_equal(p->idle_lock, 120);
	assert_true(login_allows(&p->login, FACTOR_HOTP));
	assert_false(login_allows(&p->login, FACTOR_CARD));
	assert_true(login_satisfied(&p->login, FACTOR_TOTP));
	assert_false(login_satisfied(&p->login, FACTOR_CARD | FACTOR_PIN));
	assert_false(login_satisfied(&p->login, 0));
	login_print(&p->login, names);
	assert_string_equal(names, "password totp or password hotp");
	assert_int_equal(login_kinds_printed(names), 2);
	assert_int_equal(login_kinds_printed("password totp or password"), 1);
	assert_int_equal(login_kinds_printed("password pin"), 1);
	assert_int_equal(login_kinds_printed("card pin"), 2);
	assert_int_equal(login_kinds_printed(""), 0);
	policy_free(&p);
	free(other);
	free(text);
}

static void a_combination_is_of_two_kinds(void **state)
{
	(void)state;
	assert_null(login_refusal(FACTOR_CARD | FACTOR_PIN));
	assert_null(login_refusal(FACTOR_KEY | FACTOR_PIN));
	assert_null(login_refusal(FACTOR_PASSWORD | FACTOR_KEY));
	assert_null(login_refusal(FACTOR_KEY | FACTOR_FINGERPRINT));
	assert_null(login_refusal(FACTOR_PASSWORD | FACTOR_CARD));
	assert_null(login_refusal(FACTOR_PASSWORD | FACTOR_CARD | FACTOR_PIN));
	assert_non_null(login_refusal(FACTOR_PASSWORD | FACTOR_PIN));
	assert_non_null(login_refusal(FACTOR_PIN | FACTOR_TOTP));
	assert_non_null(login_refusal(FACTOR_CARD));
	assert_non_null(login_refusal(FACTOR_KEY));
	assert_non_null(login_refusal(FACTOR_PASSWORD | FACTOR_FINGERPRINT));
	assert_non_null(login_refusal(FACTOR_CARD | FACTOR_FINGERPRINT));
	assert_non_null(login_refusal(FACTOR_PASSWORD | FACTOR_TOTP | FACTOR_FINGERPRINT));
	assert_non_null(login_refusal(FACTOR_KEY | FACTOR_CARD | FACTOR_PIN));
	assert_non_null(login_refusal(FACTOR_CARD | FACTOR_TOTP));
	assert_non_null(login_refusal(FACTOR_PASSWORD | FACTOR_CARD | FACTOR_TOTP));
	assert_non_null(login_refusal(0));
}

/* All there are: what is taken is of two kinds, and somebody can show it. */
static void every_combination(void **state)
{
	static const unsigned shown[] = {FACTOR_TOTP, FACTOR_HOTP, FACTOR_CARD | FACTOR_PIN,
	        FACTOR_KEY | FACTOR_PIN, FACTOR_KEY | FACTOR_FINGERPRINT};
	unsigned taken = 0;

	(void)state;
	for (unsigned f = 0; f < 128; f++) {
		const struct login_combinations c = {.count = 1, .factors = {f}};
		unsigned knows = (f & (FACTOR_PASSWORD | FACTOR_PIN)) != 0;
		unsigned has = (f & FACTORS_TOKEN) != 0;
		unsigned is = (f & FACTOR_FINGERPRINT) != 0;
		unsigned ways = 0;

		if (login_refusal(f) != NULL)
			continue;
		taken++;
		assert_true(knows + has + is >= 2);
		for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
			ways += login_satisfied(&c, shown[i]);
		assert_true(ways > 0);
	}
	/* totp, hotp, card, key beside the password; card, key with a PIN and without the password
	 * or with it; key with a fingerprint. */
	assert_int_equal(taken, 4 + 4 + 2);
}

static void refuses_with_a_place(void **state)
{
	static const struct {
		const char *from, *to;
		size_t line, column;
	} ROWS[] = {
	        {"policy-1", "policy-2", 1, 10},
	        {"sekisho: policy-1\n", "", 16, 8},
	        {"id: test", "id: Test", 2, 5},
	        {"id: test", "id: \"\"", 2, 5},
	        {"id: test",
	                "id: "
	                "0123456789012345678901234567890123456789012345678901234567890123456789",
	                2, 5},
	        {"id: test", "id: &anchor test", 2, 5},
	        {"id: test", "id: !!str test", 2, 5},
	        {"id: test", "id: \"te\\0st\"", 2, 5},
	        {"id: test", "id: [test]", 2, 5},
	        {"id: test", "id: {a: {b: {c: {d: e}}}}", 2, 17},
	        {"mito-2026", "mito-1999", 3, 7},
	        {"version: 7", "version: 0", 4, 10},
	        {"version: 7", "version: -7", 4, 10},
	        {"version: 7", "version: 07", 4, 10},
	        {"version: 7", "version: 0x7", 4, 10},
	        {"version: 7", "version: +7", 4, 10},
	        {"version: 7", "version: 7.5", 4, 10},
	        {"version: 7", "version: 9007199254740992", 4, 10},
	        {"version: 7", "version: 99999999999999999999999", 4, 10},
	        {"version: 7", "version: 7\nversion: 8", 5, 1},
	        {"my_number", "My_Number", 5, 7},
	        {"my_number", "0", 5, 7},
	        {"signers: 2", "signers: 3", 6, 10},
	        {"signers: 2", "signers: 0", 6, 10},
	        {"2027-03-31T15:00:00Z", "2027-03-31", 7, 12},
	        {"hid: allow", "hid: 1", 9, 8},
	        {"hid: allow", "hid: permit", 9, 8},
	        {"hid: allow", "keyboards: allow", 9, 3},
	        {"hid: allow", "hid: allow\n  hid: deny", 10, 3},
	        {"[password, totp]", "[password]", 12, 12},
	        {"[password, totp]", "[password, password]", 12, 12},
	        {"[password, totp]", "[totp]", 12, 12},
	        {"[password, totp]", "[]", 12, 12},
	        {"[password, totp]", "[password, fingerprint]", 12, 12},
	        {"[password, totp]", "[password, totp, hotp]", 12, 12},
	        {"[password, totp]", "[[]]", 12, 13},
	        {"[password, totp]", "[[password, totp], [password]]", 12, 31},
	        {"[password, totp]", "[[totp, hotp], [password, totp]]", 12, 13},
	        {"[password, totp]", "\n  - [password, totp]\n  - [hotp]", 14, 5},
	        {"[password, totp]", "[[password, totp], totp]", 12, 31},
	        {"[password, totp]", "[[password, [totp]]]", 12, 24},
	        {"[password, totp]", "{a: [password, totp]}", 12, 12},
	        {"max_failures: 3", "max_failures: 3\n  idle_days: 0", 14, 14},
	        {"max_failures: 3", "max_failures: 3\n  idle_days: 367", 14, 14},
	        {"max_failures: 3", "max_failures: 3\n  idle_days: 010", 14, 14},
	        {"max_failures: 3", "max_failures: 3\n  voucher: maybe", 14, 12},
	        {"max_failures: 3", "max_failures: 3\n  voucher: true", 14, 12},
	        {"max_failures: 3", "max_failures: 3\n  idle_lock: 9", 14, 14},
	        {"max_failures: 3", "max_failures: 3\n  idle_lock: 3601", 14, 14},
	        {"max_failures: 3", "max_failures: 3\n  crl_grace_hours: 721", 14, 20},
	        {"max_failures: 3", "max_failures: 3\n  crl_grace_hours: -1", 14, 20},
	        {"max_failures: 3", "max_failures: 3\n  unattended: [cron, sshd]", 14, 15},
	        {"max_failures: 3", "max_failures: 3\n  unattended: [other]", 14, 15},
	        {"max_failures: 3", "max_failures: 3\n  unattended: [../cron]", 14, 15},
	        {"max_failures: 3", "max_failures: 3\n  unattended: [.cron]", 14, 15},
	        {"max_failures: 3", "max_failures: 3\n  unattended: cron", 14, 15},
	        {"[password, totp]", "[card]", 12, 12},
	        {"[password, totp]", "[password, pin]", 12, 12},
	        {"[password, totp]", "[totp, pin]", 12, 12},
	        {"[password, totp]", "[card, totp]", 12, 12},
	        {"[password, totp]", "[key]", 12, 12},
	        {"[password, totp]", "[key, card, pin]", 12, 12},
	        {"max_failures: 3", "max_failures: 11", 13, 17},
	        {"max_failures: 3", "max_failures: 0", 13, 17},
	        {"digits: 6", "digits: 7", 14, 18},
	        {"digits: 6", "digits: 5", 14, 18},
	        {"step: 30", "step: 14", 14, 27},
	        {"step: 30", "step: 121", 14, 27},
	        {"window: 1", "window: 11", 14, 39},
	        {"interval: 300", "interval: 9", 16, 13},
	        {"interval: 300", "interval: 3601", 16, 13},
	        {"report:", "extra: 1\nreport:", 15, 1},
	        {"rules: |", "rules: >", 17, 8},
	        {"rules: |", "rules: *anchor", 17, 8},
	        {"03:01:01", "03:01:1", 19, 37},
	        {"  block", "  allow id 1:2", 21, 12},
	        {"  block", "    block", 21, 3},
	        {"  block\n", "  block\n---\nid: x\n", 22, 1},
	        {"# a keyboard", "# a \xc2\x85keyboard", 18, 7},
	        {"# a keyboard", "# a \xe2\x80\xa8keyboard", 18, 7},
	        {"# a keyboard", "# a \xff", 18, 7},
	        {"# a keyboard", "# a \x01", 18, 7},
	        {"# a keyboard", "# a \rallow", 18, 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char *text = change(GOOD, ROWS[i].from, ROWS[i].to);
		struct policy *p;
		struct policy_error error;

		if (policy_parse((uint8_t *)text, strlen(text), &p, &error) != ERR_FORMAT)
			fail_msg("accepted: %s", ROWS[i].to);
		assert_null(p);
		assert_true(strlen(error.message) > 0);
		if (error.line != ROWS[i].line || error.column != ROWS[i].column)
			fail_msg("%s: at %zu:%zu: %s", ROWS[i].to, error.line, error.column,
			        error.message);
		free(text);
	}
}

#define RULES_BLOCK                                                                                \
	"rules: |\n  # a keyboard\n  allow id 0627:0001 with-interface 03:01:01\n\n  block\n"

static void every_key_but_expiry_is_needed(void **state)
{
	static const char *const KEYS[] = {"sekisho: policy-1\n", "id: test\n", "body: mito-2026\n",
	        "version: 7\n", "tier: my_number\n", "signers: 2\n",
	        "  factors: [password, totp]\n", "  max_failures: 3\n",
	        "  totp: {digits: 6, step: 30, window: 1}\n", "digits: 6, ", "step: 30, ",
	        ", window: 1", "ways:\n  hid: allow\n  usb_storage: import\n",
	        "report:\n  interval: 300\n", RULES_BLOCK};

	(void)state;
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
		char *text = change(GOOD, KEYS[i], "");
		struct policy *p;
		struct policy_error error;

		if (policy_parse((uint8_t *)text, strlen(text), &p, &error) != ERR_FORMAT)
			fail_msg("accepted without %s", KEYS[i]);
		free(text);
	}
}

static void refuses_what_is_no_document(void **state)
{
	static const char *const TEXTS[] = {"", "\n", "# nothing\n", "[]", "a", "{", "\t",
	        "%YAML 9.9\n---\na: b\n", "&a [*a]", "? {a: b}\n: c\n", "[[[[[[[[[[[[[[[[[[[[",
	        "{a: {b: {c: {d: {e: f}}}}}"};
	struct policy *p;
	struct policy_error error;
	char *large = calloc(1, POLICY_TEXT_MAX + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++)
		if (policy_parse((const uint8_t *)TEXTS[i], strlen(TEXTS[i]), &p, &error) !=
		        ERR_FORMAT)
			fail_msg("not refused: %s", TEXTS[i]);
	assert_non_null(large);
	memset(large, '#', POLICY_TEXT_MAX + 1);
	assert_int_equal(
	        policy_parse((uint8_t *)large, POLICY_TEXT_MAX + 1, &p, &error), ERR_TOO_LONG);
	assert_int_equal(policy_parse((uint8_t *)large, POLICY_TEXT_MAX, &p, &error), ERR_FORMAT);
	free(large);
}

static char *read_whole(const char *directory, const char *name, size_t *length)
{
	char path[512];
	char *data = calloc(1, 65536);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(data);
	*length = fread(data, 1, 65535, file);
	fclose(file);
	return data;
}

static void the_shipped_profile_is_good(void **state)
{
	size_t length;
	char *text = read_whole(
	        SEKISHO_SOURCE_DIR "/packaging/policies", "mito-my-number.yaml", &length);
	struct policy *p;
	struct policy_error error;

	(void)state;
	if (policy_parse((uint8_t *)text, length, &p, &error))
		fail_msg("%zu:%zu: %s", error.line, error.column, error.message);
	assert_string_equal(p->body, "mito-2026");
	assert_int_equal(p->tier, TIER_MY_NUMBER);
	for (unsigned way = 0; way < WAY_COUNT; way++)
		assert_int_equal(p->treatments[way],
		        way == WAY_HID || way == WAY_HUB ? TREATMENT_ALLOW : TREATMENT_DENY);
	policy_free(&p);
	free(text);
}

static char *sign(const char *directory, const char *content, const char *signed_pem, char office,
        size_t *length)
{
	char certificate_name[16] = "?.pem", key_name[16] = "?.key";
	size_t ignored;
	char *out;
	char *certificate, *key;

	certificate_name[0] = key_name[0] = office;
	certificate = read_whole(directory, certificate_name, &ignored);
	key = read_whole(directory, key_name, &ignored);
	assert_int_equal(cms_sign((const uint8_t *)content, content ? strlen(content) : 0,
	                         signed_pem, certificate, key, &out, length),
	        0);
	free(certificate);
	free(key);
	return out;
}

/* The policy asks for two signers. */
static void opens_only_with_the_signers_it_asks_for(void **state)
{
	static const char MAKE[] =
	        "for n in a b c; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	        "-nodes -subj /CN=$n "
	        "-days 2 -keyout $n.key -out $n.pem || exit 1; done; cat a.pem b.pem > offices.pem";
	struct workspace *w = *state;
	struct policy *p;
	struct policy_error error;
	size_t one_length, two_length, other_length, trusted_length;
	char *one, *two, *other, *trusted;

	assert_int_equal(workspace_run(w, MAKE), 0);
	trusted = read_whole(w->path, "offices.pem", &trusted_length);
	one = sign(w->path, GOOD, NULL, 'a', &one_length);
	two = sign(w->path, NULL, one, 'b', &two_length);
	other = sign(w->path, NULL, one, 'c', &other_length);
	assert_int_equal(policy_open((uint8_t *)two, two_length, (uint8_t *)trusted, trusted_length,
	                         &p, &error),
	        0);
	assert_int_equal(p->version, 7);
	policy_free(&p);
	assert_int_equal(policy_open((uint8_t *)one, one_length, (uint8_t *)trusted, trusted_length,
	                         &p, &error),
	        ERR_SIGNATURE);
	assert_null(p);
	assert_true(strlen(error.message) > 0);
	assert_int_equal(policy_open((uint8_t *)other, other_length, (uint8_t *)trusted,
	                         trusted_length, &p, &error),
	        ERR_SIGNATURE);
	assert_null(p);
	assert_int_not_equal(policy_open((const uint8_t *)GOOD, strlen(GOOD), (uint8_t *)trusted,
	                             trusted_length, &p, &error),
	        0);
	assert_null(p);
	free(one);
	free(two);
	free(other);
	free(trusted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_every_key),
	        cmocka_unit_test(every_way_has_a_key),
	        cmocka_unit_test(takes_limits),
	        cmocka_unit_test(unattended_services_are_named),
	        cmocka_unit_test(takes_combinations),
	        cmocka_unit_test(takes_cards),
	        cmocka_unit_test(takes_vouchers),
	        cmocka_unit_test(vouchers_need_a_password),
	        cmocka_unit_test(a_combination_is_of_two_kinds),
	        cmocka_unit_test(every_combination),
	        cmocka_unit_test(refuses_with_a_place),
	        cmocka_unit_test(every_key_but_expiry_is_needed),
	        cmocka_unit_test(refuses_what_is_no_document),
	        cmocka_unit_test(the_shipped_profile_is_good),
	        cmocka_unit_test_setup_teardown(opens_only_with_the_signers_it_asks_for,
	                workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

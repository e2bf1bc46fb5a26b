#include "policy/document.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/cms.h"
#include "core/encode.h"
#include "core/error.h"
#include "core/language.h"
#include "core/log.h"
#include "policy/catalogue.h"
#include "policy/yaml_shape.h"

#define DOCUMENT_FORMAT "policy-1"

/* A policy as it is written; sekisho-policy(5). */
struct document {
	char format[16];
	char id[POLICY_NAME_MAX];
	char body[POLICY_NAME_MAX];
	uint64_t version;
	int tier;
	char not_after[40];
	uint64_t signers;
	struct document_ways {
		int treatment[WAY_COUNT];
	} ways;
	struct document_login {
		unsigned factors;       /* one combination */
		unsigned *combinations; /* or a list of them */
		unsigned combinations_count;
		uint64_t idle_days;
		char **unattended;
		unsigned unattended_count;
		uint64_t crl_grace_hours;
		bool voucher;
		uint64_t idle_lock;
		uint64_t max_failures;
		struct document_totp {
			uint64_t digits, step, window;
		} totp;
	} login;
	struct document_report {
		uint64_t interval;
	} report;
	char *rules;
};

static const cyaml_strval_t TIERS[] = {
        {"my_number", TIER_MY_NUMBER}, {"lgwan", TIER_LGWAN}, {"internet", TIER_INTERNET}};
static const cyaml_strval_t FACTORS[] = {{"password", FACTOR_PASSWORD}, {"totp", FACTOR_TOTP},
        {"hotp", FACTOR_HOTP}, {"card", FACTOR_CARD}, {"pin", FACTOR_PIN}, {"key", FACTOR_KEY},
        {"fingerprint", FACTOR_FINGERPRINT}};
static const cyaml_strval_t VOUCHER[] = {{"deny", false}, {"allow", true}};
static const cyaml_strval_t TREATMENTS[] = {{"deny", TREATMENT_DENY}, {"allow", TREATMENT_ALLOW},
        {"import", TREATMENT_IMPORT}, {"export", TREATMENT_EXPORT}};

#define ENTRIES(table) (sizeof(table) / sizeof((table)[0]))
#define WAY_FIELD(name, way)                                                                       \
	CYAML_FIELD_ENUM(name, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct document_ways,      \
	        treatment[way], TREATMENTS, ENTRIES(TREATMENTS))

static const cyaml_schema_field_t WAYS[] = {
        WAY_FIELD("usb_storage", WAY_USB_STORAGE),
        WAY_FIELD("mtp_ptp", WAY_MTP_PTP),
        WAY_FIELD("mmc", WAY_MMC),
        WAY_FIELD("optical", WAY_OPTICAL),
        WAY_FIELD("floppy", WAY_FLOPPY),
        WAY_FIELD("ata_hotplug", WAY_ATA_HOTPLUG),
        WAY_FIELD("nvme_hotplug", WAY_NVME_HOTPLUG),
        WAY_FIELD("thunderbolt", WAY_THUNDERBOLT),
        WAY_FIELD("firewire", WAY_FIREWIRE),
        WAY_FIELD("usb_network", WAY_USB_NETWORK),
        WAY_FIELD("usb_serial", WAY_USB_SERIAL),
        WAY_FIELD("usb_printer", WAY_USB_PRINTER),
        WAY_FIELD("bluetooth", WAY_BLUETOOTH),
        WAY_FIELD("wifi", WAY_WIFI),
        WAY_FIELD("hid", WAY_HID),
        WAY_FIELD("smartcard", WAY_SMARTCARD),
        WAY_FIELD("security_key", WAY_SECURITY_KEY),
        WAY_FIELD("audio", WAY_AUDIO),
        WAY_FIELD("video", WAY_VIDEO),
        WAY_FIELD("hub", WAY_HUB),
        WAY_FIELD("other", WAY_OTHER),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t TOTP[] = {
        CYAML_FIELD_UINT("digits", CYAML_FLAG_DEFAULT, struct document_totp, digits),
        CYAML_FIELD_UINT("step", CYAML_FLAG_DEFAULT, struct document_totp, step),
        CYAML_FIELD_UINT("window", CYAML_FLAG_DEFAULT, struct document_totp, window),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t SERVICE = {
        CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, SERVICE_NAME_SIZE - 1)};

#define LOGIN_FIELDS                                                                               \
	CYAML_FIELD_UINT("idle_days", CYAML_FLAG_OPTIONAL, struct document_login, idle_days),      \
	        CYAML_FIELD_UINT("crl_grace_hours", CYAML_FLAG_OPTIONAL, struct document_login,    \
	                crl_grace_hours),                                                          \
	        CYAML_FIELD_UINT(                                                                  \
	                "idle_lock", CYAML_FLAG_OPTIONAL, struct document_login, idle_lock),       \
	        CYAML_FIELD_SEQUENCE("unattended", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,       \
	                struct document_login, unattended, &SERVICE, 0, SERVICES_MAX),             \
	        CYAML_FIELD_ENUM("voucher", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,               \
	                struct document_login, voucher, VOUCHER, ENTRIES(VOUCHER)),                \
	        CYAML_FIELD_UINT(                                                                  \
	                "max_failures", CYAML_FLAG_DEFAULT, struct document_login, max_failures),  \
	        CYAML_FIELD_MAPPING("totp", CYAML_FLAG_DEFAULT, struct document_login, totp, TOTP)

/* One combination: factors: [password, totp] */
static const cyaml_schema_field_t LOGIN[] = {
        CYAML_FIELD_FLAGS("factors", CYAML_FLAG_STRICT, struct document_login, factors, FACTORS,
                ENTRIES(FACTORS)),
        LOGIN_FIELDS,
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t COMBINATION = {
        CYAML_VALUE_FLAGS(CYAML_FLAG_STRICT, unsigned, FACTORS, ENTRIES(FACTORS))};

/* Several: factors: [[password, totp], [card, pin]] */
static const cyaml_schema_field_t LOGIN_EITHER[] = {
        CYAML_FIELD_SEQUENCE("factors", CYAML_FLAG_POINTER, struct document_login, combinations,
                &COMBINATION, 1, LOGIN_COMBINATIONS_MAX),
        LOGIN_FIELDS,
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t REPORT[] = {
        CYAML_FIELD_UINT("interval", CYAML_FLAG_DEFAULT, struct document_report, interval),
        CYAML_FIELD_END,
};

/* The place of the one field that is written in two ways. */
enum { FIELD_LOGIN = 0 };

static const cyaml_schema_field_t FIELDS[] = {
        [FIELD_LOGIN] =
                CYAML_FIELD_MAPPING("login", CYAML_FLAG_DEFAULT, struct document, login, LOGIN),
        CYAML_FIELD_STRING("sekisho", CYAML_FLAG_DEFAULT, struct document, format, 1),
        CYAML_FIELD_STRING("id", CYAML_FLAG_DEFAULT, struct document, id, 1),
        CYAML_FIELD_STRING("body", CYAML_FLAG_DEFAULT, struct document, body, 1),
        CYAML_FIELD_UINT("version", CYAML_FLAG_DEFAULT, struct document, version),
        CYAML_FIELD_ENUM("tier", CYAML_FLAG_STRICT, struct document, tier, TIERS, ENTRIES(TIERS)),
        CYAML_FIELD_STRING("not_after", CYAML_FLAG_OPTIONAL, struct document, not_after, 1),
        CYAML_FIELD_UINT("signers", CYAML_FLAG_DEFAULT, struct document, signers),
        CYAML_FIELD_MAPPING("ways", CYAML_FLAG_DEFAULT, struct document, ways, WAYS),
        CYAML_FIELD_MAPPING("report", CYAML_FLAG_DEFAULT, struct document, report, REPORT),
        CYAML_FIELD_STRING_PTR(
                "rules", CYAML_FLAG_DEFAULT, struct document, rules, 0, CYAML_UNLIMITED),
        CYAML_FIELD_END,
};

/* A schema of its own for each document: how its factors are written. */
struct schema {
	cyaml_schema_field_t fields[ENTRIES(FIELDS)];
	cyaml_schema_value_t value;
};

static void schema_make(const struct shape *shape, struct schema *schema)
{
	memcpy(schema->fields, FIELDS, sizeof(FIELDS));
	if (shape_find(shape, "login.factors[0]"))
		schema->fields[FIELD_LOGIN] = (cyaml_schema_field_t)CYAML_FIELD_MAPPING(
		        "login", CYAML_FLAG_DEFAULT, struct document, login, LOGIN_EITHER);
	schema->value = (cyaml_schema_value_t){
	        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct document, schema->fields)};
}

/* Two weeks, as the standards of several bodies have it. */
enum { IDLE_DAYS = 14, IDLE_LOCK = 300 };

/* The ranges of numbers, and the second half of the schema. */
static const struct range {
	const char *path;
	size_t offset; /* of a uint64_t in struct document */
	uint64_t low, high;
} RANGES[] = {
        {"version", offsetof(struct document, version), 1, (UINT64_C(1) << 53) - 1},
        {"signers", offsetof(struct document, signers), 1, 2},
        {"login.max_failures", offsetof(struct document, login.max_failures), 1, 10},
        {"login.totp.digits", offsetof(struct document, login.totp.digits), 6, 8},
        {"login.totp.step", offsetof(struct document, login.totp.step), 15, 120},
        {"login.totp.window", offsetof(struct document, login.totp.window), 0, 10},
        {"report.interval", offsetof(struct document, report.interval), 10, 3600},
};

/* What libcyaml told of the first thing it did not like. */
struct complaint {
	char detail[120];
	unsigned long line, column; /* 0 while not told */
};

/* "(line: 4, column: 3)" */
static void hear_place(struct complaint *complaint, const char *text)
{
	char *end;
	unsigned long line = strtoul(text + strlen("(line: "), &end, 10);

	if (strncmp(end, ", column: ", 10) != 0)
		return;
	complaint->line = line;
	complaint->column = strtoul(end + 10, NULL, 10);
}

static void __attribute__((format(printf, 3, 0)))
hear(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	struct complaint *complaint = context;
	char text[160];
	const char *place;

	if (level < CYAML_LOG_ERROR)
		return;
	(void)vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	place = strstr(text, "(line: ");
	if (place && !complaint->line)
		hear_place(complaint, place);
	if (!complaint->detail[0] && strncmp(text, "Load: ", 6) == 0 &&
	        strcmp(text, "Load: Backtrace:") != 0)
		(void)log_printable(text + 6, complaint->detail, sizeof(complaint->detail));
}

static int __attribute__((format(printf, 4, 5))) refuse(struct policy_error *error,
        const struct shape *shape, const char *path, const char *format, ...)
{
	const struct shape_place *place = shape_find(shape, path);
	va_list arguments;

	error->line = place ? place->line : 1;
	error->column = place ? place->column : 1;
	va_start(arguments, format);
	(void)vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	return ERR_FORMAT;
}

static const char *phrase(cyaml_err_t code)
{
	switch (code) {
	case CYAML_ERR_INVALID_KEY:
		return LANGUAGE("知らないキーです", "unknown key");
	case CYAML_ERR_MAPPING_FIELD_MISSING:
		return LANGUAGE("必要なキーがありません", "a key is missing");
	case CYAML_ERR_STRING_LENGTH_MIN:
	case CYAML_ERR_STRING_LENGTH_MAX:
		return LANGUAGE("文字列の長さが範囲外です", "the string is too short or too long");
	default:
		return LANGUAGE("値が不正です", "the value is not valid");
	}
}

static int refuse_schema(cyaml_err_t code, const struct complaint *complaint,
        const struct shape *shape, struct policy_error *error)
{
	const char *colon = strrchr(complaint->detail, ':');
	const char *name = colon ? colon + 1 + strspn(colon + 1, " ") : "";
	const struct shape_place *place = NULL;

	if (code == CYAML_ERR_OOM)
		return ERR_MEMORY;
	error->line = complaint->line ? complaint->line : 1;
	error->column = complaint->line ? complaint->column : 1;
	if (code == CYAML_ERR_INVALID_KEY)
		place = shape_find_key(shape, name);
	if (place) {
		error->line = place->key_line;
		error->column = place->key_column;
	}
	if (code == CYAML_ERR_INVALID_KEY || code == CYAML_ERR_MAPPING_FIELD_MISSING)
		(void)snprintf(
		        error->message, sizeof(error->message), "%s: %s", phrase(code), name);
	else
		(void)snprintf(error->message, sizeof(error->message), "%s (%s)", phrase(code),
		        complaint->detail);
	return ERR_FORMAT;
}

static int load(const uint8_t *text, size_t length, const cyaml_config_t *config,
        const struct schema *schema, const struct shape *shape, struct document **document,
        struct policy_error *error)
{
	cyaml_err_t code = cyaml_load_data(
	        text, length, config, &schema->value, (cyaml_data_t **)document, NULL);

	if (code != CYAML_OK)
		return refuse_schema(code, config->log_ctx, shape, error);
	if (!*document)
		return refuse(error, shape, "", LANGUAGE("文書が空です", "the document is empty"));
	return 0;
}

static bool name_good(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int check_ranges(
        const struct document *d, const struct shape *shape, struct policy_error *error)
{
	for (size_t i = 0; i < ENTRIES(RANGES); i++) {
		const struct range *r = &RANGES[i];
		const struct shape_place *place = shape_find(shape, r->path);
		uint64_t value;

		if (!place || !place->decimal)
			return refuse(error, shape, r->path,
			        LANGUAGE("%s は符号や先頭の 0 のない整数で書きます",
			                "%s must be a whole number in plain decimal"),
			        r->path);
		memcpy(&value, (const char *)d + r->offset, sizeof(value));
		if (value < r->low || value > r->high)
			return refuse(error, shape, r->path,
			        LANGUAGE(
			                "%s は %llu から %llu までです", "%s must be %llu to %llu"),
			        r->path, (unsigned long long)r->low, (unsigned long long)r->high);
	}
	if (d->login.totp.digits == 7)
		return refuse(error, shape, "login.totp.digits",
		        LANGUAGE("login.totp.digits は 6 か 8 です",
		                "login.totp.digits must be 6 or 8"));
	return 0;
}

static int check_combinations(
        const struct document *d, const struct shape *shape, struct policy_error *error)
{
	const unsigned *list = d->login.combinations ? d->login.combinations : &d->login.factors;
	size_t count = d->login.combinations ? d->login.combinations_count : 1;

	for (size_t i = 0; i < count; i++) {
		const char *refusal = login_refusal(list[i]);
		char path[48] = "login.factors";

		if (!refusal)
			continue;
		if (d->login.combinations)
			(void)snprintf(path, sizeof(path), "login.factors[%zu]", i);
		return refuse(error, shape, path, "%s", refusal);
	}
	return 0;
}

/* Instead of a card or key, whose PIN is not asked either then. */
static int check_voucher(
        const struct document *d, const struct shape *shape, struct policy_error *error)
{
	const unsigned *list = d->login.combinations ? d->login.combinations : &d->login.factors;
	size_t count = d->login.combinations ? d->login.combinations_count : 1;

	for (size_t i = 0; d->login.voucher && i < count; i++)
		if ((list[i] & FACTOR_PASSWORD) == 0)
			return refuse(error, shape, "login.voucher",
			        LANGUAGE("voucher: allow にはすべての組み合わせに password "
			                 "が要ります",
			                "voucher: allow needs the password in every combination"));
	return 0;
}

static int check_unattended(
        const struct document *d, const struct shape *shape, struct policy_error *error)
{
	for (unsigned i = 0; i < d->login.unattended_count; i++) {
		const char *name = d->login.unattended[i];
		const char *refusal = services_refusal(name);

		if (refusal)
			return refuse(error, shape, "login.unattended", "%s: %s", refusal, name);
	}
	return 0;
}

/* Keys that may be absent, with what they are then. */
static const struct optional {
	struct range range;
	uint64_t otherwise;
} OPTIONALS[] = {
        {{"login.idle_days", offsetof(struct document, login.idle_days), 1, 366}, IDLE_DAYS},
        {{"login.crl_grace_hours", offsetof(struct document, login.crl_grace_hours), 0, 720}, 0},
        {{"login.idle_lock", offsetof(struct document, login.idle_lock), 10, 3600}, IDLE_LOCK},
};

static int check_optionals(
        struct document *d, const struct shape *shape, struct policy_error *error)
{
	for (size_t i = 0; i < ENTRIES(OPTIONALS); i++) {
		const struct range *r = &OPTIONALS[i].range;
		const struct shape_place *place = shape_find(shape, r->path);
		uint64_t *value = (uint64_t *)(void *)((char *)d + r->offset);

		if (!place)
			*value = OPTIONALS[i].otherwise;
		else if (!place->decimal || *value < r->low || *value > r->high)
			return refuse(error, shape, r->path,
			        LANGUAGE(
			                "%s は %llu から %llu までです", "%s must be %llu to %llu"),
			        r->path, (unsigned long long)r->low, (unsigned long long)r->high);
	}
	return 0;
}

static int check_document(struct document *d, const struct shape *shape, struct policy_error *error)
{
	const struct shape_place *rules = shape_find(shape, "rules");

	if (strcmp(d->format, DOCUMENT_FORMAT) != 0)
		return refuse(error, shape, "sekisho",
		        LANGUAGE("知らない書式です (sekisho: %s)",
		                "unknown format (want sekisho: %s)"),
		        DOCUMENT_FORMAT);
	if (!name_good(d->id))
		return refuse(error, shape, "id",
		        LANGUAGE("id は英小文字・数字・- です", "an id holds a-z, 0-9 and - only"));
	if (!catalogue_find(d->body))
		return refuse(error, shape, "body",
		        LANGUAGE("この団体の条文表がありません",
		                "no catalogue of clauses for this body"));
	if (check_combinations(d, shape, error) || check_optionals(d, shape, error) ||
	        check_voucher(d, shape, error) || check_unattended(d, shape, error))
		return ERR_FORMAT;
	if (!rules || !rules->literal)
		return refuse(error, shape, "rules",
		        LANGUAGE("rules はブロック (|) で書きます",
		                "rules must be a literal block (|)"));
	return check_ranges(d, shape, error);
}

/* Blanks that YAML took off the front of this line (from 1) of the text. */
static size_t indentation(const uint8_t *text, size_t length, size_t line, const char *content)
{
	size_t at = 0;
	size_t blanks = 0;

	while (--line && at < length) {
		const uint8_t *end = memchr(text + at, '\n', length - at);

		at = end ? (size_t)(end - text) + 1 : length;
	}
	while (at < length && text[at] == ' ') {
		at++;
		blanks++;
	}
	return blanks - strspn(content, " ");
}

static const char *content_line(const char *content, size_t line)
{
	while (--line) {
		const char *end = strchr(content, '\n');

		if (!end)
			break;
		content = end + 1;
	}
	return content;
}

static int parse_rules(const uint8_t *text, size_t length, const struct document *d,
        const struct shape *shape, struct rule_set **rules, struct policy_error *error)
{
	size_t bar = shape_find(shape, "rules")->line;
	struct rule_error problem;
	int result = rule_set_parse(d->rules, strlen(d->rules), rules, &problem);

	if (result != ERR_FORMAT)
		return result;
	error->line = bar + problem.line;
	error->column = problem.column + indentation(text, length, error->line,
	                                         content_line(d->rules, problem.line));
	(void)snprintf(error->message, sizeof(error->message), "%s", problem.message);
	return result;
}

static void fill_login(const struct document *d, struct policy *p)
{
	const unsigned *list = d->login.combinations ? d->login.combinations : &d->login.factors;

	p->login.count = d->login.combinations ? d->login.combinations_count : 1;
	memcpy(p->login.factors, list, p->login.count * sizeof(*list));
	p->idle_days = (unsigned)d->login.idle_days;
	p->crl_grace_hours = (unsigned)d->login.crl_grace_hours;
	p->voucher = d->login.voucher;
	p->idle_lock = (unsigned)d->login.idle_lock;
}

static void fill_unattended(const struct document *d, const struct shape *shape, struct policy *p)
{
	if (!shape_find(shape, "login.unattended")) {
		services_unattended_default(&p->unattended);
		return;
	}
	p->unattended.count = d->login.unattended_count;
	for (unsigned i = 0; i < d->login.unattended_count; i++)
		(void)snprintf(
		        p->unattended.names[i], SERVICE_NAME_SIZE, "%s", d->login.unattended[i]);
}

static int fill(const uint8_t *text, size_t length, const struct document *d,
        const struct shape *shape, struct policy *p, struct policy_error *error)
{
	int result = parse_rules(text, length, d, shape, &p->rules, error);

	if (result)
		return result;
	if (d->not_after[0] && clock_parse(d->not_after, &p->not_after))
		return refuse(error, shape, "not_after",
		        LANGUAGE("日時は 2027-03-31T15:00:00Z の形です",
		                "a date is written 2027-03-31T15:00:00Z"));
	memcpy(p->id, d->id, sizeof(p->id));
	memcpy(p->body, d->body, sizeof(p->body));
	p->version = d->version;
	p->tier = (enum tier)d->tier;
	p->signers = (unsigned)d->signers;
	for (size_t i = 0; i < WAY_COUNT; i++)
		p->treatments[i] = (enum treatment)d->ways.treatment[i];
	fill_login(d, p);
	fill_unattended(d, shape, p);
	p->max_failures = (unsigned)d->login.max_failures;
	p->totp_digits = (unsigned)d->login.totp.digits;
	p->totp_step = (unsigned)d->login.totp.step;
	p->totp_window = (unsigned)d->login.totp.window;
	p->report_interval = (unsigned)d->report.interval;
	return encode_sha256_hex(text, length, p->digest);
}

int policy_parse(
        const uint8_t *text, size_t length, struct policy **policy, struct policy_error *error)
{
	struct complaint complaint = {0};
	const cyaml_config_t config = {.log_fn = hear,
	        .log_ctx = &complaint,
	        .mem_fn = cyaml_mem,
	        .log_level = CYAML_LOG_ERROR,
	        .flags = CYAML_CFG_NO_ALIAS};
	struct document *document = NULL;
	struct schema schema = {0};
	struct shape *shape = NULL;
	struct policy *p = NULL;
	int result;

	*policy = NULL;
	*error = (struct policy_error){0};
	if (length > POLICY_TEXT_MAX)
		return ERR_TOO_LONG;
	shape = calloc(1, sizeof(*shape));
	p = calloc(1, sizeof(*p));
	result = shape && p ? shape_read(text, length, shape, error) : ERR_MEMORY;
	if (!result)
		schema_make(shape, &schema);
	if (!result)
		result = load(text, length, &config, &schema, shape, &document, error);
	if (!result)
		result = document ? check_document(document, shape, error) : ERR_FORMAT;
	if (!result)
		result = fill(text, length, document, shape, p, error);
	if (!result) {
		*policy = p; /* transferred */
		p = NULL;
	}
	policy_free(&p);
	if (document)
		(void)cyaml_free(&config, &schema.value, document, 0);
	free(shape);
	return result;
}

void policy_free(struct policy **policy)
{
	if (!*policy)
		return;
	rule_set_free(&(*policy)->rules);
	free(*policy);
	*policy = NULL;
}

int policy_open(const uint8_t *signed_pem, size_t length, const uint8_t *signers_pem,
        size_t signers_length, struct policy **policy, struct policy_error *error)
{
	uint8_t *content = NULL;
	size_t content_length = 0;
	struct cms_signer signers[CMS_SIGNERS_MAX];
	size_t count = 0;
	int result;

	*policy = NULL;
	*error = (struct policy_error){0};
	result = cms_verify(signed_pem, length, signers_pem, signers_length, 1, &content,
	        &content_length, signers, &count);
	if (!result)
		result = policy_parse(content, content_length, policy, error);
	if (!result && count < (*policy)->signers) {
		policy_free(policy);
		(void)snprintf(error->message, sizeof(error->message), "%s",
		        LANGUAGE("署名者の数が足りません", "not enough offices have signed"));
		result = ERR_SIGNATURE;
	}
	free(content);
	return result;
}

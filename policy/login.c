#include "policy/login.h"

#include <stdio.h>
#include <string.h>

#include "core/language.h"

/* 知識, 所持, 存在: what a factor proves. */
enum factor_kind { KIND_KNOWLEDGE = 1, KIND_POSSESSION = 2, KIND_INHERENCE = 4 };

static const struct {
	enum factor factor;
	enum factor_kind kind;
	const char *name;
} FACTORS[] = {
        {FACTOR_PASSWORD, KIND_KNOWLEDGE, "password"},
        {FACTOR_TOTP, KIND_POSSESSION, "totp"},
        {FACTOR_HOTP, KIND_POSSESSION, "hotp"},
        {FACTOR_CARD, KIND_POSSESSION, "card"},
        {FACTOR_KEY, KIND_POSSESSION, "key"},
        {FACTOR_PIN, KIND_KNOWLEDGE, "pin"},
        {FACTOR_FINGERPRINT, KIND_INHERENCE, "fingerprint"},
};

#define ENTRIES(table) (sizeof(table) / sizeof((table)[0]))

static unsigned bits(unsigned set)
{
	unsigned count = 0;

	for (; set != 0; set &= set - 1)
		count++;
	return count;
}

static unsigned kinds_of(unsigned factors)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < ENTRIES(FACTORS); i++)
		if ((factors & (unsigned)FACTORS[i].factor) != 0)
			kinds |= (unsigned)FACTORS[i].kind;
	return bits(kinds);
}

const char *login_refusal(unsigned factors)
{
	if (kinds_of(factors) < 2)
		return LANGUAGE("知識・所持・存在のうち二種類の要素が要ります",
		        "factors of two kinds are needed (knowledge, possession, inherence)");
	if (bits(factors & FACTORS_TOKEN) != 1)
		return LANGUAGE("一つの組み合わせに totp・hotp・card・key は一つだけです",
		        "a combination holds one of totp, hotp, card and key");
	if ((factors & FACTOR_PIN) != 0 && (factors & (FACTOR_CARD | FACTOR_KEY)) == 0)
		return LANGUAGE("pin はカードまたはセキュリティキーの暗証番号なので card か key "
		                "と組み合わせます",
		        "a pin is a card's or a key's: it goes with card or key");
	if ((factors & FACTOR_FINGERPRINT) != 0 && (factors & FACTOR_KEY) == 0)
		return LANGUAGE(
		        "fingerprint はセキュリティキーが読む指紋なので key と組み合わせます",
		        "a fingerprint is read by a key: it goes with key");
	if ((factors & FACTOR_FINGERPRINT) != 0 && (factors & FACTOR_PIN) != 0)
		return LANGUAGE("セキュリティキーは pin か fingerprint の一方で本人を確かめます",
		        "a key vouches by its pin or by a fingerprint, never by both");
	return NULL;
}

bool login_allows(const struct login_combinations *combinations, enum factor factor)
{
	for (size_t i = 0; i < combinations->count; i++)
		if ((combinations->factors[i] & (unsigned)factor) != 0)
			return true;
	return false;
}

bool login_satisfied(const struct login_combinations *combinations, unsigned shown)
{
	for (size_t i = 0; i < combinations->count; i++) {
		unsigned asked = combinations->factors[i] & ~(unsigned)FACTOR_PASSWORD;

		if (asked != 0 && (asked & ~shown) == 0)
			return true;
	}
	return false;
}

static void append(char out[static LOGIN_NAMES_SIZE], const char *separator, const char *word)
{
	size_t length = strlen(out);

	(void)snprintf(out + length, LOGIN_NAMES_SIZE - length, "%s%s",
	        length != 0 ? separator : "", word);
}

void login_print(const struct login_combinations *combinations, char out[static LOGIN_NAMES_SIZE])
{
	out[0] = '\0';
	for (size_t i = 0; i < combinations->count; i++) {
		const char *separator = " or ";

		for (size_t j = 0; j < ENTRIES(FACTORS); j++) {
			if ((combinations->factors[i] & (unsigned)FACTORS[j].factor) == 0)
				continue;
			append(out, separator, FACTORS[j].name);
			separator = " ";
		}
	}
}

static unsigned factor_named(const char *name, size_t length)
{
	for (size_t i = 0; i < ENTRIES(FACTORS); i++)
		if (strlen(FACTORS[i].name) == length && memcmp(FACTORS[i].name, name, length) == 0)
			return (unsigned)FACTORS[i].factor;
	return 0;
}

unsigned login_kinds_printed(const char *names)
{
	unsigned least = ~0U;
	unsigned factors = 0;

	for (;;) {
		size_t length = strcspn(names, " ");
		bool end = names[length] == '\0';
		bool either = length == 2 && memcmp(names, "or", 2) == 0;

		if (!either)
			factors |= factor_named(names, length);
		if (either || end) {
			unsigned kinds = kinds_of(factors);

			least = kinds < least ? kinds : least;
			factors = 0;
		}
		if (end)
			return least;
		names += length + 1;
	}
}

const char *login_factor_name(enum factor factor)
{
	for (size_t i = 0; i < ENTRIES(FACTORS); i++)
		if (FACTORS[i].factor == factor)
			return FACTORS[i].name;
	return NULL;
}

/*
 * A policy document: YAML, one schema table (libcyaml), unknown keys refused. sekisho-policy(5)
 * shows every key.
 */
#ifndef SEKISHO_POLICY_DOCUMENT_H
#define SEKISHO_POLICY_DOCUMENT_H

#include "policy/login.h"
#include "policy/rule.h"
#include "policy/services.h"
#include "policy/treatment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POLICY_TEXT_MAX = 8 << 20, POLICY_NAME_MAX = 64 };

enum tier { TIER_MY_NUMBER, TIER_LGWAN, TIER_INTERNET };

struct policy {
	char id[POLICY_NAME_MAX];   /* "mito-my-number" */
	char body[POLICY_NAME_MAX]; /* catalogue: "mito-2026" */
	uint64_t version;           /* from 1; only grows */
	enum tier tier;
	int64_t not_after; /* expiry: blocks updates, never enforcement; 0 = none */
	unsigned signers;  /* how many must have signed: 1 or 2 */
	enum treatment treatments[WAY_COUNT]; /* deny where the document is silent */
	struct rule_set *rules;
	struct login_combinations login;
	struct services unattended;
	unsigned idle_days; /* 1..366: an unused token is to be looked after; 14 by default */
	unsigned
	        crl_grace_hours; /* 0..720: how long past its date a list of revoked cards counts */
	bool voucher;            /* one may stand in for a token for a day; false by default */
	unsigned idle_lock;      /* 10..3600 s; 300 by default */
	unsigned max_failures;   /* 1..10 */
	unsigned totp_digits, totp_step,
	        totp_window;      /* 6 or 8; 15..120 s; 0..10 steps either way */
	unsigned report_interval; /* seconds, 10..3600 */
	char digest[65];          /* SHA-256 of the document's bytes, hex */
};

struct policy_error {
	size_t line;
	size_t column;
	char message[200];
};

/* Parses and checks everything that can be checked without a clock or a signature. ERR_FORMAT with
 * *error; ERR_TOO_LONG. *policy is NULL on error. */
int policy_parse(
        const uint8_t *text, size_t length, struct policy **policy, struct policy_error *error);
void policy_free(struct policy **policy);

/*
 * The signed form (core/cms.h): verifies with the pinned signers, parses, and requires as many
 * signers as the document asks for. ERR_SIGNATURE, ERR_FORMAT, ERR_TOO_LONG.
 */
int policy_open(const uint8_t *signed_pem, size_t length, const uint8_t *signers_pem,
        size_t signers_length, struct policy **policy, struct policy_error *error);

#endif

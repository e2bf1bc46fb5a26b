#include "agent/auth_rules.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/paths.h"
#include "core/cms.h"
#include "core/error.h"
#include "core/file.h"
#include "policy/document.h"

enum { SECONDS_OF_HOUR = 3600 };

void auth_rules_default(struct auth_rules *rules)
{
	*rules = (struct auth_rules){
	        .max_failures = 3,
	        .digits = 6,
	        .step = 30,
	        .window = 1,
	        .idle_days = 14,
	        .idle_lock = 300,
	        .combinations = {.count = 1, .factors = {FACTOR_PASSWORD | FACTOR_TOTP}},
	};
	services_unattended_default(&rules->unattended);
}

static int open_policy(int root, struct policy **policy)
{
	struct policy_error problem = {0};
	uint8_t *document = NULL;
	uint8_t *signers = NULL;
	size_t document_length = 0;
	size_t signers_length = 0;
	int error = file_read_checked(root, PATH_POLICY_DIR "/" POLICY_IN_FORCE, 0, 0755,
	        CMS_SIGNED_MAX, &document, &document_length);

	*policy = NULL;
	if (error == 0)
		error = file_read_checked(root, PATH_POLICY_SIGNERS, 0, 0755, CMS_SIGNED_MAX,
		        &signers, &signers_length);
	if (error == 0)
		error = policy_open(
		        document, document_length, signers, signers_length, policy, &problem);
	free(document);
	free(signers);
	return error;
}

int auth_rules_read(int root, struct auth_rules *rules)
{
	struct policy *policy = NULL;
	int error = open_policy(root, &policy);

	if (error != 0)
		return error;
	*rules = (struct auth_rules){
	        .max_failures = policy->max_failures,
	        .digits = policy->totp_digits,
	        .step = policy->totp_step,
	        .window = policy->totp_window,
	        .idle_days = policy->idle_days,
	        .crl_grace = policy->crl_grace_hours * SECONDS_OF_HOUR,
	        .voucher = policy->voucher,
	        .idle_lock = policy->idle_lock,
	        .combinations = policy->login,
	        .unattended = policy->unattended,
	};
	fido2_party(policy->body, rules->party);
	policy_free(&policy);
	return 0;
}

/* Policy documents: no crash; what is accepted lies within the documented ranges; what is refused
 * has a place. */
#include "policy/document.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "policy/catalogue.h"
#include "policy/decide.h"

static void check_policy(const struct policy *p)
{
	static struct device_facts facts;
	struct verdict verdict;

	if (p->version < 1 || p->signers < 1 || p->signers > 2 || p->login.count < 1 ||
	        p->login.count > LOGIN_COMBINATIONS_MAX || p->idle_days < 1 || p->idle_days > 366)
		abort();
	for (size_t i = 0; i < p->login.count; i++)
		if (login_refusal(p->login.factors[i]) != NULL)
			abort();
	if (p->max_failures < 1 || p->max_failures > 10 ||
	        (p->totp_digits != 6 && p->totp_digits != 8))
		abort();
	if (p->totp_step < 15 || p->totp_step > 120 || p->totp_window > 10)
		abort();
	if (p->report_interval < 10 || p->report_interval > 3600 || strlen(p->digest) != 64)
		abort();
	if (!p->id[0] || !catalogue_find(p->body) || (unsigned)p->tier > TIER_INTERNET)
		abort();
	for (unsigned way = 0; way < WAY_COUNT; way++)
		if ((unsigned)p->treatments[way] >= TREATMENT_COUNT)
			abort();
	facts.interface_count = 1;
	facts.interfaces[0] = (struct facts_interface){.class = 8, .subclass = 6, .protocol = 0x50};
	verdict = policy_decide(p, &facts, &(struct circumstances){0});
	if (verdict.treatment == TREATMENT_ALLOW &&
	        p->treatments[WAY_USB_STORAGE] != TREATMENT_ALLOW)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy;
	struct policy_error error;
	int result = policy_parse(data, size, &policy, &error);

	if (result == 0)
		check_policy(policy);
	else if (policy || (result == ERR_FORMAT &&
	                           (error.line == 0 || error.column == 0 || !error.message[0])))
		abort();
	policy_free(&policy);
	return 0;
}

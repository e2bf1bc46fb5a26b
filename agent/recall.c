#include "agent/recall.h"

#include <string.h>
#include <sys/random.h>

#include "core/clock.h"
#include "core/error.h"

/* The same document read again is the same policy. */
static int policy_follow(struct recall *recall, const struct policy *policy)
{
	const char *digest = policy != NULL ? policy->digest : "";

	if (recall->policies > 0 && strcmp(recall->digest, digest) == 0)
		return 0;
	rule_history_free(&recall->history);
	recall->policies++;
	recall->digest[0] = '\0';
	if (policy == NULL)
		return 0;
	memcpy(recall->digest, policy->digest, sizeof(recall->digest));
	return rule_history_new(policy->rules, &recall->history);
}

static int device_begin(const struct recall *recall, struct recollection *device)
{
	recollection_free(device);
	device->uptime = clock_boot_ms() / 1000;
	if (getrandom(&device->chance, sizeof(device->chance), 0) != sizeof(device->chance))
		return ERR_IO;
	return rule_history_copy(recall->history, &device->before);
}

int recall_prepare(struct recall *recall, struct recollection *device, const struct policy *policy,
        struct rule_context *context)
{
	int r = policy_follow(recall, policy);

	if (r == 0 && device->policy != recall->policies)
		r = device_begin(recall, device);
	if (r != 0) {
		/* Both are tried again next time. */
		recall->policies++;
		recall->digest[0] = '\0';
		return r;
	}
	device->policy = recall->policies;
	context->uptime = device->uptime;
	context->history = device->before;
	context->chance = device->chance;
	return 0;
}

void recall_note(struct recall *recall, struct recollection *device, const struct policy *policy,
        const struct device_facts *facts, size_t rule)
{
	if (policy == NULL || device->noted)
		return;
	rule_history_note(recall->history, policy->rules, facts, device->uptime, rule);
	device->noted = true;
}

void recollection_free(struct recollection *device)
{
	rule_history_free(&device->before);
	*device = (struct recollection){0};
}

void recall_free(struct recall *recall)
{
	rule_history_free(&recall->history);
	*recall = (struct recall){0};
}

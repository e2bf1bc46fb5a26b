#include "policy/decide.h"

#include "core/language.h"

static const struct reason_entry {
	const char *code, *ja, *en;
} REASONS[REASON_COUNT] = {
        [REASON_RULE_ALLOWS] = {"rule-allows", "ポリシーのルールが許可しています。",
                "A rule of the policy allows it."},
        [REASON_RULE_DENIES] = {"rule-denies", "ポリシーのルールが禁止しています。",
                "A rule of the policy denies it."},
        [REASON_NO_RULE] = {"no-rule", "この機器を許可するルールがありません。",
                "No rule lists this device."},
        [REASON_WAY_ALLOWED] = {"way-allowed",
                "この種類の持ち出し経路はポリシーで許可されています。",
                "The policy allows this kind of way out."},
        [REASON_WAY_DENIED] = {"way-denied", "この種類の持ち出し経路はポリシーで禁止されています。",
                "The policy denies this kind of way out."},
        [REASON_NEEDS_PERMIT] = {"needs-permit", "この種類の機器には使用許可が必要です。",
                "This kind of device needs a permit."},
        [REASON_SECOND_KEYBOARD] = {"second-keyboard",
                "キーボードは既にあります。二台目は機器を名指すルールが必要です。",
                "There is a keyboard already; a second one needs a rule that names it."},
        [REASON_TYPES_AND_STORES] = {"types-and-stores",
                "キーボードと記憶媒体を兼ねる機器です。名指すルールが必要です。",
                "It is a keyboard and a storage medium at once; it needs a rule that names it."},
        [REASON_NO_POLICY] = {"no-policy", "有効なポリシーがありません。",
                "No policy is in force."},
        [REASON_UNREADABLE] = {"unreadable", "機器の記述子を読み取れないか、内容が不正です。",
                "The device's descriptors cannot be read or are not valid."},
        [REASON_NOT_JOURNALLED] = {"not-journalled",
                "許可できますが、ジャーナルに記録できないため拒否しました。",
                "It would be allowed, but the journal could not record it."},
};

static struct verdict deny(enum reason reason, size_t rule, enum way way)
{
	return (struct verdict){
	        .treatment = TREATMENT_DENY, .reason = reason, .rule = rule, .way = way};
}

/* import and export need a permit in the my_number tier, and there is none yet. */
static bool needs_permit(const struct policy *policy, enum treatment treatment)
{
	return policy->tier == TIER_MY_NUMBER &&
	       (treatment == TREATMENT_IMPORT || treatment == TREATMENT_EXPORT);
}

#define BIT(way) (UINT32_C(1) << (way))

/* Ways without a block device: nothing of them can be made read-only. */
static const uint32_t writable_ways =
        BIT(WAY_MTP_PTP) | BIT(WAY_USB_NETWORK) | BIT(WAY_USB_SERIAL) | BIT(WAY_USB_PRINTER) |
        BIT(WAY_BLUETOOTH) | BIT(WAY_WIFI) | BIT(WAY_HID) | BIT(WAY_SMARTCARD) |
        BIT(WAY_SECURITY_KEY) | BIT(WAY_AUDIO) | BIT(WAY_VIDEO) | BIT(WAY_HUB) | BIT(WAY_OTHER);

/* The first way of these with this treatment; WAY_COUNT: none. */
static enum way way_treated(const struct policy *policy, uint32_t ways, enum treatment treatment)
{
	unsigned way = 0;

	while (way < WAY_COUNT && (!(ways & BIT(way)) || policy->treatments[way] != treatment))
		way++;
	return (enum way)way;
}

static uint32_t ways_not_denied(const struct policy *policy, uint32_t ways)
{
	for (unsigned way = 0; way < WAY_COUNT; way++) {
		if (policy->treatments[way] == TREATMENT_DENY)
			ways &= ~BIT(way);
	}
	return ways;
}

/* What is authorised of it: the strictest treatment of the ways that are not denied. */
static struct verdict judge_open(const struct policy *policy, uint32_t ways, size_t rule)
{
	static const enum treatment strictest[] = {TREATMENT_IMPORT, TREATMENT_EXPORT};
	const enum way unkept = way_treated(policy, ways & writable_ways, TREATMENT_IMPORT);
	struct verdict v = {.treatment = TREATMENT_ALLOW,
	        .reason = rule != 0 ? REASON_RULE_ALLOWS : REASON_WAY_ALLOWED,
	        .rule = rule,
	        .way = WAY_COUNT};

	for (size_t i = 0; i < 2 && v.treatment == TREATMENT_ALLOW; i++) {
		enum way way = way_treated(policy, ways, strictest[i]);

		if (way == WAY_COUNT)
			continue;
		if (needs_permit(policy, strictest[i]))
			return deny(REASON_NEEDS_PERMIT, rule, way);
		if (unkept != WAY_COUNT)
			return deny(REASON_WAY_DENIED, rule, unkept);
		v.treatment = strictest[i];
		v.way = way;
	}
	return v;
}

static struct verdict judge_ways(const struct policy *policy, uint32_t ways, size_t rule)
{
	enum way denied = way_treated(policy, ways, TREATMENT_DENY);
	uint32_t open = ways_not_denied(policy, ways);
	struct verdict v;

	if (denied == WAY_COUNT)
		return judge_open(policy, ways, rule);
	if (open == 0 || rule == 0 || !rule_set_names_device(policy->rules, rule))
		return deny(REASON_WAY_DENIED, rule, denied);
	v = judge_open(policy, open, rule);
	if (v.treatment != TREATMENT_DENY) {
		v.partial = true;
		v.way = denied;
	}
	return v;
}

/* Ids and serial numbers can be copied: a rule that names a keyboard lets in one at a time, but for
 * one that says in which ports. */
static bool is_named_keyboard(
        const struct policy *policy, const struct circumstances *c, size_t rule)
{
	if (!rule_set_names_device(policy->rules, rule))
		return false;
	for (size_t i = 0; i < c->keyboards; i++) {
		if (c->keyboard_rules[i] == rule && !rule_set_names_port(policy->rules, rule))
			return false;
	}
	return true;
}

/* What an attacker's device would be, and an office's own only if a rule names it. */
static bool is_suspect(const struct policy *policy, const struct device_facts *facts,
        const struct circumstances *c, size_t rule, enum reason *reason)
{
	const uint32_t media = BIT(WAY_USB_STORAGE) | BIT(WAY_MTP_PTP);

	if (!facts_may_type(facts))
		return false;
	*reason = REASON_TYPES_AND_STORES;
	if ((way_of_device(facts) & media) != 0 && !rule_set_names_device(policy->rules, rule))
		return true;
	*reason = REASON_SECOND_KEYBOARD;
	return c->keyboards > 0 && !is_named_keyboard(policy, c, rule);
}

struct verdict policy_decide(const struct policy *policy, const struct device_facts *facts,
        const struct circumstances *circumstances)
{
	enum rule_target target = RULE_BLOCK;
	enum reason reason;
	struct verdict v;
	size_t rule;

	if (!policy)
		return deny(REASON_NO_POLICY, 0, WAY_COUNT);
	if (facts->interfaces_cut || facts->interface_count > FACTS_INTERFACES_MAX)
		return deny(REASON_UNREADABLE, 0, WAY_COUNT);
	rule = rule_set_match(policy->rules, facts, &circumstances->rules, &target);
	if (!rule)
		return deny(REASON_NO_RULE, 0, WAY_COUNT);
	if (target != RULE_ALLOW)
		return deny(REASON_RULE_DENIES, rule, WAY_COUNT);
	v = judge_ways(policy, way_of_device(facts), rule);
	if (v.treatment != TREATMENT_DENY &&
	        is_suspect(policy, facts, circumstances, rule, &reason))
		return deny(reason, rule, WAY_COUNT);
	return v;
}

/* Every alternate setting of an interface is authorised with it. */
bool verdict_has_interface(const struct verdict *verdict, const struct policy *policy,
        const struct device_facts *facts, size_t index)
{
	const struct facts_interface *wanted = &facts->interfaces[index];

	if (verdict->treatment == TREATMENT_DENY || !policy)
		return false;
	for (size_t i = 0; verdict->partial && i < facts->interface_count; i++) {
		const struct facts_interface *f = &facts->interfaces[i];

		if (f->number == wanted->number && f->configuration == wanted->configuration &&
		        policy->treatments[way_of_facts(facts, i)] == TREATMENT_DENY)
			return false;
	}
	return true;
}

/* From denied to allowed. */
static unsigned kindness(const struct policy *policy, enum way way)
{
	enum treatment treatment = policy->treatments[way];

	if (treatment == TREATMENT_DENY)
		return 0;
	return needs_permit(policy, treatment) ? 1 : (treatment == TREATMENT_ALLOW ? 3 : 2);
}

static uint8_t best_found(const struct policy *policy, const struct facts_interface *i)
{
	struct facts_interface key = *i;

	if (!way_is_uncertain(i))
		return 0;
	if (way_of_interface(i) != WAY_HID)
		return kindness(policy, WAY_MTP_PTP) > kindness(policy, WAY_OTHER) ? FACTS_FOUND_MTP
		                                                                   : 0;
	key.found = FACTS_FOUND_SECURITY_KEY;
	if (kindness(policy, way_of_interface(&key)) >= kindness(policy, WAY_HID))
		return FACTS_FOUND_SECURITY_KEY;
	return FACTS_FOUND_NO_KEYS;
}

bool policy_must_look(const struct policy *policy, const struct device_facts *facts,
        const struct circumstances *circumstances)
{
	struct device_facts best = *facts;
	bool uncertain = false;

	if (!policy || facts->interface_count > FACTS_INTERFACES_MAX)
		return false;
	for (size_t i = 0; i < best.interface_count; i++) {
		uncertain |= way_is_uncertain(&best.interfaces[i]);
		best.interfaces[i].found |= best_found(policy, &best.interfaces[i]);
	}
	return uncertain && policy_decide(policy, &best, circumstances).treatment != TREATMENT_DENY;
}

struct verdict policy_decide_way(const struct policy *policy, enum way way)
{
	if (!policy)
		return deny(REASON_NO_POLICY, 0, WAY_COUNT);
	return judge_ways(policy, UINT32_C(1) << way, 0);
}

bool verdict_equals(const struct verdict *a, const struct verdict *b)
{
	return a->treatment == b->treatment && a->reason == b->reason && a->rule == b->rule &&
	       a->way == b->way && a->partial == b->partial;
}

const char *reason_code(enum reason reason)
{
	return REASONS[reason].code;
}

const char *reason_text(enum reason reason)
{
	return LANGUAGE(REASONS[reason].ja, REASONS[reason].en);
}

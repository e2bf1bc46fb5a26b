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
        [REASON_WAY_DENIED] = {"way-denied", "この種類の持ち出し経路はポリシーで禁止されています。",
                "The policy denies this kind of way out."},
        [REASON_NEEDS_PERMIT] = {"needs-permit", "この種類の機器には使用許可が必要です。",
                "This kind of device needs a permit."},
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

/*
 * import and export end at the same verdict in every tier: nothing yet makes a medium read-only or
 * keeps its ledger, and without that they may not be read as allow.
 */
static struct verdict judge_ways(const struct policy *policy, uint32_t ways, size_t rule)
{
	enum way permit = WAY_COUNT;

	for (unsigned way = 0; way < WAY_COUNT; way++) {
		if (!(ways & UINT32_C(1) << way))
			continue;
		switch (policy->treatments[way]) {
		case TREATMENT_ALLOW:
			break;
		case TREATMENT_IMPORT:
		case TREATMENT_EXPORT:
			if (permit == WAY_COUNT)
				permit = (enum way)way;
			break;
		default:
			return deny(REASON_WAY_DENIED, rule, (enum way)way);
		}
	}
	if (permit != WAY_COUNT)
		return deny(REASON_NEEDS_PERMIT, rule, permit);
	return (struct verdict){.treatment = TREATMENT_ALLOW,
	        .reason = REASON_RULE_ALLOWS,
	        .rule = rule,
	        .way = WAY_COUNT};
}

struct verdict policy_decide(
        const struct policy *policy, const struct device_facts *facts, int64_t moment)
{
	enum rule_target target = RULE_BLOCK;
	size_t rule;

	if (!policy)
		return deny(REASON_NO_POLICY, 0, WAY_COUNT);
	if (facts->interfaces_cut || facts->interface_count > FACTS_INTERFACES_MAX)
		return deny(REASON_UNREADABLE, 0, WAY_COUNT);
	rule = rule_set_match(policy->rules, facts, moment, &target);
	if (!rule)
		return deny(REASON_NO_RULE, 0, WAY_COUNT);
	if (target != RULE_ALLOW)
		return deny(REASON_RULE_DENIES, rule, WAY_COUNT);
	return judge_ways(policy, way_of_device(facts), rule);
}

const char *reason_code(enum reason reason)
{
	return REASONS[reason].code;
}

const char *reason_text(enum reason reason)
{
	return LANGUAGE(REASONS[reason].ja, REASONS[reason].en);
}

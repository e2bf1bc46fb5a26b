#include "agent/auth_verify.h"

#include <string.h>

#include "agent/auth_totp.h"
#include "core/error.h"

/* A login that waits longer for others of the same user than this was not a person's. */
enum { LOCK_TIMEOUT_MS = 10000 };

static int read_state(const struct auth_file *file, struct auth_state *state)
{
	int error = auth_state_read(file, state);

	return error == ERR_NOT_FOUND && file->decoy ? auth_state_decoy(state) : error;
}

/* A process killed between counting the last try and judging it leaves no flag. */
static bool is_locked(const struct auth_state *state, const struct auth_rules *rules)
{
	return state->locked || state->failures >= rules->max_failures;
}

static bool is_weak(const struct auth_state *state, const struct auth_rules *rules)
{
	return state->digits < rules->digits || state->step > rules->step;
}

static int accept(const struct auth_file *file, struct auth_state *state, uint64_t step,
        int64_t now, struct auth_answer *answer)
{
	state->failures = 0;
	state->last_step = step;
	state->last_used = now;
	answer->outcome = AUTH_ACCEPTED;
	return auth_state_write(file, state);
}

static int refuse(const struct auth_file *file, const struct auth_rules *rules,
        struct auth_state *state, struct auth_answer *answer)
{
	if (state->failures < rules->max_failures) {
		answer->outcome = AUTH_WRONG;
		answer->left = rules->max_failures - state->failures;
		return 0;
	}
	state->locked = true;
	answer->outcome = AUTH_LOCKED_NOW;
	return auth_state_write(file, state);
}

static int judge(const struct auth_file *file, const struct auth_rules *rules, const char *code,
        int64_t now, struct auth_state *state, struct auth_answer *answer)
{
	enum totp_verdict verdict = TOTP_WRONG;
	uint64_t step = 0;
	int error = 0;

	state->failures++;
	error = auth_state_write(file, state);
	if (error == 0)
		error = totp_judge(state, now, rules->window, code, &verdict, &step);
	if (error != 0)
		return error;
	if (file->decoy)
		verdict = TOTP_WRONG; /* a decoy's secret can be guessed too */
	if (verdict == TOTP_RIGHT)
		return accept(file, state, step, now, answer);
	if (verdict == TOTP_WRONG)
		return refuse(file, rules, state, answer);
	state->failures--;
	answer->outcome = AUTH_SPENT;
	return auth_state_write(file, state);
}

static int verify_locked_file(const struct auth_file *file, const struct auth_rules *rules,
        const char *code, int64_t now, struct auth_answer *answer)
{
	struct auth_state state;
	int error = read_state(file, &state);

	if (error != 0)
		goto out;
	if (is_locked(&state, rules)) {
		answer->outcome = state.locked ? AUTH_LOCKED : AUTH_LOCKED_NOW;
		if (state.locked)
			goto out;
		state.locked = true;
		error = auth_state_write(file, &state);
	} else if (!file->decoy && is_weak(&state, rules)) {
		answer->outcome = AUTH_WEAK;
	} else {
		error = judge(file, rules, code, now, &state, answer);
	}
out:
	explicit_bzero(&state, sizeof(state));
	return error;
}

int auth_verify(const struct auth_file *file, const struct auth_rules *rules, const char *code,
        int64_t now, struct auth_answer *answer)
{
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*answer = (struct auth_answer){0};
	if (error != 0)
		return error;
	error = verify_locked_file(file, rules, code, now, answer);
	auth_state_unlock(file);
	if (error != 0)
		*answer = (struct auth_answer){0};
	return error;
}

static int look(const struct auth_file *file, struct auth_state *state)
{
	int error = auth_state_lock(file, LOCK_TIMEOUT_MS);

	*state = (struct auth_state){0};
	if (error != 0)
		return error;
	error = read_state(file, state);
	auth_state_unlock(file);
	explicit_bzero(state->secret, sizeof(state->secret));
	return error;
}

int auth_verify_locked(const struct auth_file *file, const struct auth_rules *rules, bool *locked)
{
	struct auth_state state;
	int error = look(file, &state);

	*locked = error != 0 || is_locked(&state, rules);
	return error;
}

int auth_verify_owner(const struct auth_file *file, uint32_t uid, bool *owner)
{
	struct auth_state state;
	int error = look(file, &state);

	*owner = error == 0 && !file->decoy && state.uid == uid;
	return error;
}

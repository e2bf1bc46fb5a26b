#include "agent/faults.h"

#include <stdio.h>
#include <string.h>

#include "core/language.h"
#include "core/log.h"

static size_t index_of(const struct faults *f, const char *name)
{
	size_t i = 0;

	while (i < f->count && strcmp(f->faults[i].name, name) != 0)
		i++;
	return i;
}

static void mend(struct faults *f, size_t index)
{
	f->faults[index].mended = true;
	if (f->faults[index].told)
		f->faults[index] = f->faults[--f->count];
}

void faults_set(struct faults *f, const char *name, const char *why)
{
	size_t i = index_of(f, name);

	if (why == NULL) {
		if (i < f->count)
			mend(f, i);
		return;
	}
	if (i < f->count && strcmp(f->faults[i].why, why) == 0) {
		f->faults[i].mended = false;
		return;
	}
	if (i == FAULTS_MAX)
		i--; /* what it says of the other is as bad */
	else if (i == f->count)
		f->count++;
	f->faults[i] = (struct fault){.why = why};
	snprintf(f->faults[i].name, sizeof(f->faults[i].name), "%s", name);
	log_error("%s: %s: %s", name, LANGUAGE("強制できません", "not enforced"), why);
}

void faults_forget(
        struct faults *f, bool (*is)(const void *context, const char *name), const void *context)
{
	for (size_t i = f->count; i > 0; i--) {
		if (!is(context, f->faults[i - 1].name))
			mend(f, i - 1);
	}
}

void faults_tell(
        struct faults *f, int (*tell)(void *context, const struct fault *fault), void *context)
{
	for (size_t i = f->count; i > 0; i--) {
		struct fault *fault = &f->faults[i - 1];

		if (!fault->told)
			fault->told = tell(context, fault) == 0;
		if (fault->told && fault->mended)
			mend(f, i - 1);
	}
}

bool faults_are_told(const struct faults *f)
{
	for (size_t i = 0; i < f->count; i++) {
		if (!f->faults[i].told)
			return false;
	}
	return true;
}

size_t faults_count(const struct faults *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->count; i++)
		count += !f->faults[i].mended;
	return count;
}

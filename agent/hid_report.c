#include "agent/hid_report.h"

#include "core/error.h"

enum { PAGE_DESKTOP = 0x01, PAGE_KEYS = 0x07, PAGE_FIDO = 0xf1d0 };
enum { USAGE_KEYBOARD = 0x06, USAGE_KEYPAD = 0x07 };

/* Prefix of a short item without its two bits of size. */
enum {
	MAIN_INPUT = 0x80,
	MAIN_OUTPUT = 0x90,
	MAIN_COLLECTION = 0xa0,
	MAIN_FEATURE = 0xb0,
	MAIN_END = 0xc0,
	GLOBAL_PAGE = 0x04,
	GLOBAL_PUSH = 0xa4,
	GLOBAL_POP = 0xb4,
	GLOBAL_LAST = 0xb4,
	LOCAL_USAGE = 0x08,
	LOCAL_MINIMUM = 0x18,
	LOCAL_MAXIMUM = 0x28,
	LOCAL_LAST = 0xa8
};
enum { TYPE_MASK = 0x0c, TYPE_MAIN = 0x00, TYPE_GLOBAL = 0x04, TYPE_LOCAL = 0x08 };
enum { COLLECTION_APPLICATION = 1 };
enum { DEPTH_MAX = 32, STACK_MAX = 4, USAGES_MAX = 512 };

struct usage {
	uint16_t page, id;
	bool own_page; /* four bytes: the page is in it */
};

struct parser {
	const uint8_t *at, *end;
	uint16_t page;
	uint16_t stack[STACK_MAX];
	size_t stacked;
	struct usage usages[USAGES_MAX];
	size_t usage_count;
	size_t depth;
	bool any, foreign, keys;
};

struct item {
	uint8_t tag; /* with its type */
	size_t size;
	uint32_t value;
};

static int item_next(struct parser *p, struct item *i)
{
	uint8_t prefix = *p->at++;

	i->tag = prefix & 0xfc;
	i->size = (prefix & 3) == 3 ? 4 : prefix & 3;
	i->value = 0;
	if (prefix == 0xfe || (size_t)(p->end - p->at) < i->size) /* 0xfe: a long item */
		return ERR_FORMAT;
	for (size_t k = 0; k < i->size; k++)
		i->value |= (uint32_t)*p->at++ << 8 * k;
	return 0;
}

static int page_push(struct parser *p)
{
	if (p->stacked == STACK_MAX)
		return ERR_FORMAT;
	p->stack[p->stacked++] = p->page;
	return 0;
}

static int page_pop(struct parser *p)
{
	if (p->stacked == 0)
		return ERR_FORMAT;
	p->page = p->stack[--p->stacked];
	return 0;
}

static int global_take(struct parser *p, const struct item *i)
{
	if (i->tag > GLOBAL_LAST)
		return ERR_FORMAT;
	if (i->tag == GLOBAL_PUSH)
		return page_push(p);
	if (i->tag == GLOBAL_POP)
		return page_pop(p);
	if (i->tag == GLOBAL_PAGE) {
		if (i->value == 0 || i->value > UINT16_MAX)
			return ERR_FORMAT;
		p->page = (uint16_t)i->value;
	}
	return 0;
}

/* The ends of a range stand for the range: it has one page. */
static int local_take(struct parser *p, const struct item *i)
{
	struct usage u = {.page = p->page, .id = (uint16_t)i->value, .own_page = i->size == 4};

	if (i->tag > LOCAL_LAST)
		return ERR_FORMAT;
	if (i->tag != LOCAL_USAGE && i->tag != LOCAL_MINIMUM && i->tag != LOCAL_MAXIMUM)
		return 0;
	if (p->usage_count == USAGES_MAX)
		return ERR_FORMAT;
	if (u.own_page)
		u.page = (uint16_t)(i->value >> 16);
	p->usages[p->usage_count++] = u;
	return 0;
}

static bool is_keyboard(const struct usage *u)
{
	return u->page == PAGE_DESKTOP && (u->id == USAGE_KEYBOARD || u->id == USAGE_KEYPAD);
}

/* The page that counts is the one at the main item, in newer kernels; at the usage, in older. */
static bool usages_are_plain(const struct parser *p)
{
	for (size_t k = 0; k < p->usage_count; k++) {
		if (!p->usages[k].own_page && p->usages[k].page != p->page)
			return false;
	}
	return true;
}

static void page_note(struct parser *p, uint16_t page)
{
	p->foreign |= page != PAGE_FIDO;
	p->keys |= page == PAGE_KEYS;
}

static int collection_begin(struct parser *p, const struct item *i)
{
	if (p->depth++ == DEPTH_MAX)
		return ERR_FORMAT;
	/* What a collection is lies in its usage: one without any is nothing we know. */
	if (p->usage_count == 0 || (p->depth == 1 && i->value != COLLECTION_APPLICATION))
		p->foreign = true;
	p->any = true;
	return 0;
}

static int main_take(struct parser *p, const struct item *i)
{
	int r = 0;

	if (!usages_are_plain(p))
		return ERR_FORMAT;
	for (size_t k = 0; k < p->usage_count; k++) {
		page_note(p, p->usages[k].page);
		p->keys |= is_keyboard(&p->usages[k]);
	}
	switch (i->tag) {
	case MAIN_INPUT:
	case MAIN_OUTPUT:
	case MAIN_FEATURE:
		page_note(p, p->page);
		r = p->depth > 0 ? 0 : ERR_FORMAT;
		break;
	case MAIN_COLLECTION:
		r = collection_begin(p, i);
		break;
	case MAIN_END:
		r = p->depth > 0 ? 0 : ERR_FORMAT;
		p->depth -= r == 0;
		break;
	default:
		r = ERR_FORMAT;
	}
	p->usage_count = 0;
	return r;
}

static int item_take(struct parser *p, const struct item *i)
{
	switch (i->tag & TYPE_MASK) {
	case TYPE_MAIN:
		return main_take(p, i);
	case TYPE_GLOBAL:
		return global_take(p, i);
	case TYPE_LOCAL:
		return local_take(p, i);
	default:
		return ERR_FORMAT;
	}
}

int hid_report_read(const uint8_t *bytes, size_t length, struct hid_report *report)
{
	struct parser p = {.at = bytes, .end = bytes + length};
	struct item i;
	int r = 0;

	*report = (struct hid_report){0};
	while (r == 0 && p.at < p.end) {
		r = item_next(&p, &i);
		if (r == 0)
			r = item_take(&p, &i);
	}
	if (r == 0 && (!p.any || p.depth != 0 || p.usage_count != 0))
		r = ERR_FORMAT;
	if (r == 0)
		*report = (struct hid_report){.fido = !p.foreign && !p.keys, .keys = p.keys};
	return r;
}

#include "collector/chain.h"

#include <string.h>

static void note_break(struct chain_break *fault, uint64_t seq, const char *cause, const char *line)
{
	if (fault->found)
		return;
	*fault = (struct chain_break){.found = true, .seq = seq, .cause = cause, .line = line};
}

uint64_t chain_line_seq(const char *line, size_t length)
{
	json_t *json = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	json_int_t seq = json_integer_value(json_object_get(json, "seq"));

	json_decref(json);
	return seq > 0 ? (uint64_t)seq : 0;
}

/* The chain goes on from whatever was sent, so that what follows is still checked against it. */
static void resume_after(const char *line, size_t length, struct journal_head *head)
{
	uint64_t seq = chain_line_seq(line, length);

	head->count = seq > 0 ? seq : head->count + 1;
	if (encode_sha256_hex(line, length, head->hash) != 0)
		head->hash[0] = '\0'; /* continues nothing: the next line is a break again */
}

static void check_end(const struct journal_head *claimed, bool more, struct journal_head *head,
        struct chain_break *fault)
{
	if (more) {
		if (claimed->count <= head->count)
			note_break(fault, head->count, "the journal ends before the lines it sent",
			        NULL);
		return;
	}
	if (claimed->count == head->count && strcmp(claimed->hash, head->hash) == 0)
		return;
	note_break(fault, head->count + (claimed->count > head->count),
	        claimed->count == head->count ? "the last line is another than the one known"
	                                      : "the lines do not reach the journal's end",
	        NULL);
	*head = *claimed;
}

void chain_follow(const json_t *events, const struct journal_head *claimed, bool more,
        struct journal_head *head, struct chain_break *fault)
{
	size_t index;
	const json_t *event;

	*fault = (struct chain_break){.found = false};
	json_array_foreach((json_t *)events, index, event)
	{
		const char *line = json_string_value(event);
		size_t length = json_string_length(event);
		const char *cause = "not a line of a journal";
		uint64_t expected = head->count + 1;
		struct journal_head before = *head;

		if (journal_check_line(line, length, head, &cause) == 0)
			continue;
		*head = before;
		note_break(fault, expected, cause, line);
		resume_after(line, length, head);
	}
	check_end(claimed, more, head, fault);
}

#include "collector/collector.h"

#include "collector/control.h"
#include "collector/directory.h"
#include "collector/summary.h"
#include "core/error.h"
#include "core/language.h"

#include <stdio.h>
#include <string.h>

struct question {
	const char *terminal;
	unsigned seconds;
	bool json;
	uint64_t seq;
	uint64_t took_ms;
};

static int usage(void)
{
	collector_say("poll",
	        LANGUAGE("使い方: sekisho-collector poll TERMINAL [--timeout 1〜60] [--json]",
	                "usage: sekisho-collector poll TERMINAL [--timeout 1-60] [--json]"));
	return EXIT_USAGE;
}

static int read_arguments(int argc, char **argv, struct question *q)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			q->json = true;
		} else if (strcmp(argv[i], "--timeout") == 0) {
			if (++i >= argc ||
			        !collector_read_number(argv[i], 1, POLL_SECONDS_MAX, &q->seconds))
				return ERR_USAGE;
		} else if (argv[i][0] == '-' || q->terminal != NULL) {
			return ERR_USAGE;
		} else {
			q->terminal = argv[i];
		}
	}
	return q->terminal == NULL || strlen(q->terminal) >= STORE_NAME_SIZE ? ERR_USAGE : 0;
}

static const char *answer_text(enum control_answer answer)
{
	switch (answer) {
	case CONTROL_TIMED_OUT:
		return LANGUAGE("時間内に答えがありません", "no answer in time");
	case CONTROL_NOT_CONNECTED:
		return LANGUAGE("接続していません", "is not connected");
	case CONTROL_UNKNOWN_TERMINAL:
		return LANGUAGE("登録のない端末です", "is not enrolled");
	case CONTROL_STOPPING:
		return LANGUAGE("コレクターが終了しました", "the collector stopped");
	case CONTROL_BUSY:
	case CONTROL_ANSWERED:
		break;
	}
	return LANGUAGE("コレクターが受け付けられません", "the collector could not ask");
}

static int ask(struct question *q)
{
	enum control_answer answer = CONTROL_BUSY;

	int error = control_ask_poll(
	        DIRECTORY_CONTROL, q->terminal, q->seconds, &answer, &q->seq, &q->took_ms);
	if (error == ERR_CLOSED)
		collector_say(DIRECTORY_CONTROL, LANGUAGE("コレクター (serve) が動いていません",
		                                         "the collector does not serve"));
	else if (error != 0)
		collector_say(DIRECTORY_CONTROL, error_text(error));
	else if (answer != CONTROL_ANSWERED)
		collector_say(q->terminal, answer_text(answer));
	else
		return 0;
	return ERR_DENIED;
}

static int print(const struct question *q, const struct summary *summary)
{
	if (!q->json)
		return summary_print(stdout, summary, 1);
	json_t *document = summary_json(summary);
	json_object_set_new(document, "poll",
	        json_pack("{s:I, s:I}", "seq", (json_int_t)q->seq, "took_ms",
	                (json_int_t)q->took_ms));
	return collector_print_json(document);
}

static int show(const struct collector *collector, struct store *store, const struct question *q)
{
	struct summary *summaries = NULL;
	size_t count = 0;

	int error = summary_read_all(store, &collector->config, q->terminal, &summaries, &count);
	if (error == 0)
		error = print(q, &summaries[0]);
	bool fresh = error == 0 && summaries[0].state == TERMINAL_FRESH;
	summary_free_all(&summaries, count);
	if (error != 0 || fflush(stdout) != 0) {
		collector_say(q->terminal, error_text(error));
		return EXIT_UNASKED;
	}
	return fresh ? EXIT_YES : EXIT_NO;
}

int command_poll(const struct collector *collector, int argc, char **argv)
{
	struct store *store = NULL;
	struct question question = {.seconds = 10};

	if (read_arguments(argc, argv, &question) != 0)
		return usage();
	if (collector_open(collector, &store) != 0)
		return EXIT_UNASKED;
	int code = ask(&question) != 0 ? EXIT_UNASKED : show(collector, store, &question);
	store_close(&store);
	return code;
}

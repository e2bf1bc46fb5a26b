#include "collector/collector.h"

#include "collector/compliance.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/language.h"

#include <stdio.h>
#include <string.h>

struct request {
	const char *body;
	const char *terminal;
	int (*write)(FILE *out, const struct compliance *compliance);
};

struct format {
	const char *name;
	int (*write)(FILE *out, const struct compliance *compliance);
};

static const struct format FORMATS[] = {
        {"html", compliance_write_html},
        {"csv", compliance_write_csv},
        {"json", compliance_write_json},
};

static int usage(void)
{
	collector_say("report", LANGUAGE("使い方: sekisho-collector report --body B --format "
	                                 "html|csv|json [--terminal T]",
	                                "usage: sekisho-collector report --body B --format "
	                                "html|csv|json [--terminal T]"));
	return EXIT_USAGE;
}

static int find_format(const char *name, struct request *request)
{
	for (size_t i = 0; i < sizeof(FORMATS) / sizeof(FORMATS[0]); i++) {
		if (strcmp(FORMATS[i].name, name) == 0) {
			request->write = FORMATS[i].write;
			return 0;
		}
	}
	return ERR_USAGE;
}

static int read_arguments(int argc, char **argv, struct request *request)
{
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc)
			return ERR_USAGE;
		if (strcmp(argv[i], "--body") == 0)
			request->body = argv[i + 1];
		else if (strcmp(argv[i], "--terminal") == 0)
			request->terminal = argv[i + 1];
		else if (strcmp(argv[i], "--format") != 0 || find_format(argv[i + 1], request) != 0)
			return ERR_USAGE;
	}
	return request->body == NULL || request->write == NULL ? ERR_USAGE : 0;
}

static int say_bodies(const char *body)
{
	const struct catalogue *catalogue;

	fprintf(stderr, "%s: %s:", body,
	        LANGUAGE("ありません。使えるもの", "no such body; known are"));
	for (size_t i = 0; (catalogue = catalogue_at(i)) != NULL; i++)
		fprintf(stderr, " %s", catalogue_body(catalogue));
	fputc('\n', stderr);
	return EXIT_USAGE;
}

static int write_report(const struct request *request, const struct catalogue *catalogue,
        const struct summary *summaries, size_t count)
{
	struct compliance *compliance = NULL;

	int error = compliance_evaluate(catalogue, summaries, count, clock_wall(), &compliance);
	if (error == 0)
		error = request->write(stdout, compliance);
	compliance_free(&compliance);
	return error == 0 && (fflush(stdout) != 0 || ferror(stdout)) ? ERR_IO : error;
}

int command_report(const struct collector *collector, int argc, char **argv)
{
	struct request request = {.body = NULL};
	struct store *store = NULL;
	struct summary *summaries = NULL;
	size_t count = 0;

	if (read_arguments(argc, argv, &request) != 0)
		return usage();
	const struct catalogue *catalogue = catalogue_find(request.body);
	if (catalogue == NULL)
		return say_bodies(request.body);
	if (collector_open(collector, &store) != 0)
		return EXIT_UNASKED;
	int error =
	        summary_read_all(store, &collector->config, request.terminal, &summaries, &count);
	store_close(&store);
	if (error == 0)
		error = write_report(&request, catalogue, summaries, count);
	summary_free_all(&summaries, count);
	if (error != 0)
		collector_say(
		        request.terminal == NULL ? "report" : request.terminal, error_text(error));
	return error == 0 ? EXIT_YES : EXIT_UNASKED;
}

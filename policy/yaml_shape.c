#include "policy/yaml_shape.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/error.h"
#include "core/language.h"
#include "core/utf8.h"

struct level {
	bool mapping;
	bool have_key;      /* of a mapping: the next event is the value of key */
	size_t path_length; /* of the path that leads here */
	size_t items;       /* of a sequence: lists in it so far */
};

struct walk {
	struct shape *shape;
	struct policy_error *error;
	struct level levels[SHAPE_DEPTH_MAX];
	size_t depth;
	size_t documents;
	char path[SHAPE_PATH_MAX];
	size_t key_line, key_column;
};

static int refuse(struct policy_error *error, size_t line, size_t column, const char *message)
{
	error->line = line;
	error->column = column;
	(void)snprintf(error->message, sizeof(error->message), "%s", message);
	return ERR_FORMAT;
}

static int refuse_event(struct walk *w, const yaml_event_t *event, const char *message)
{
	return refuse(w->error, event->start_mark.line + 1, event->start_mark.column + 1, message);
}

/* YAML takes U+0085, U+2028 and U+2029 for ends of lines and editors do not: a rule could hide
 * behind a comment. */
static bool character_allowed(uint32_t c)
{
	if (c == '\t' || c == '\n' || c == '\r')
		return true;
	return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && c != 0x2028 && c != 0x2029 && c != 0xfeff;
}

static int check_characters(const uint8_t *text, size_t length, struct policy_error *error)
{
	size_t line = 1;
	size_t column = 1;

	for (size_t at = 0; at < length;) {
		uint32_t c;
		size_t bytes = utf8_next((const char *)text + at, length - at, &c);

		if (!bytes)
			return refuse(error, line, column,
			        LANGUAGE("UTF-8 ではありません", "not valid UTF-8"));
		if (!character_allowed(c) ||
		        (c == '\r' && (at + 1 == length || text[at + 1] != '\n')))
			return refuse(error, line, column,
			        LANGUAGE("制御文字は使えません", "a control character"));
		at += bytes;
		column++;
		if (c == '\n') {
			line++;
			column = 1;
		}
	}
	return 0;
}

static int take_key(struct walk *w, const yaml_event_t *event)
{
	struct level *level = &w->levels[w->depth - 1];
	const char *key = (const char *)event->data.scalar.value;
	size_t room = sizeof(w->path) - level->path_length;
	int written = snprintf(
	        w->path + level->path_length, room, "%s%s", level->path_length ? "." : "", key);

	if (written < 0 || (size_t)written >= room)
		return refuse_event(w, event, LANGUAGE("キーが長すぎます", "the key is too long"));
	if (shape_find(w->shape, w->path))
		return refuse_event(
		        w, event, LANGUAGE("同じキーが二度あります", "the key is given twice"));
	w->key_line = event->start_mark.line + 1;
	w->key_column = event->start_mark.column + 1;
	level->have_key = true;
	return 0;
}

/* "010", "0x10", "-1" and "1.5" are numbers to libcyaml, and not the ones a reader sees. */
static bool is_decimal(const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;

	return value[0] && value[strspn(value, "0123456789")] == '\0' &&
	       (value[0] != '0' || !value[1]);
}

static int keep_place(struct walk *w, const yaml_event_t *event)
{
	struct shape_place *place;

	if (w->shape->count == SHAPE_PLACES_MAX)
		return refuse_event(w, event, LANGUAGE("キーが多すぎます", "too many keys"));
	place = &w->shape->places[w->shape->count++];
	memcpy(place->path, w->path, sizeof(place->path));
	place->key_line = w->key_line;
	place->key_column = w->key_column;
	place->line = event->start_mark.line + 1;
	place->column = event->start_mark.column + 1;
	if (event->type == YAML_SCALAR_EVENT) {
		place->literal = event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE;
		place->decimal = is_decimal(event);
	}
	return 0;
}

static int check_scalar(struct walk *w, const yaml_event_t *event)
{
	if (event->data.scalar.anchor || event->data.scalar.tag)
		return refuse_event(w, event,
		        LANGUAGE("アンカーやタグは使えません", "anchors and tags are not allowed"));
	if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
		return refuse_event(
		        w, event, LANGUAGE("制御文字は使えません", "a control character"));
	return 0;
}

static int take_scalar(struct walk *w, const yaml_event_t *event)
{
	struct level *level = w->depth ? &w->levels[w->depth - 1] : NULL;
	int error = check_scalar(w, event);

	if (error || !level || !level->mapping)
		return error;
	if (!level->have_key)
		return take_key(w, event);
	level->have_key = false;
	return keep_place(w, event);
}

/* A list or mapping within a list has no key: its place in the list stands for one. */
static int keep_item(struct walk *w, const yaml_event_t *event)
{
	struct level *level = &w->levels[w->depth - 1];
	size_t room = sizeof(w->path) - level->path_length;
	int written = snprintf(w->path + level->path_length, room, "[%zu]", level->items++);

	if (written < 0 || (size_t)written >= room)
		return refuse_event(w, event, LANGUAGE("キーが長すぎます", "the key is too long"));
	w->key_line = event->start_mark.line + 1;
	w->key_column = event->start_mark.column + 1;
	return keep_place(w, event);
}

static int open_level(struct walk *w, const yaml_event_t *event, bool mapping, const void *anchor,
        const void *tag)
{
	struct level *level = w->depth ? &w->levels[w->depth - 1] : NULL;
	int error = 0;

	if (anchor || tag)
		return refuse_event(w, event,
		        LANGUAGE("アンカーやタグは使えません", "anchors and tags are not allowed"));
	if (w->depth == SHAPE_DEPTH_MAX)
		return refuse_event(w, event, LANGUAGE("入れ子が深すぎます", "nested too deeply"));
	if (level && level->mapping) {
		if (!level->have_key)
			return refuse_event(w, event,
			        LANGUAGE("キーが文字列ではありません", "the key is not a string"));
		level->have_key = false;
		error = keep_place(w, event);
	} else if (level) {
		error = keep_item(w, event);
	}
	w->levels[w->depth++] =
	        (struct level){.mapping = mapping, .path_length = level ? strlen(w->path) : 0};
	return error;
}

static int take_event(struct walk *w, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (w->documents++)
			return refuse_event(w, event,
			        LANGUAGE("文書は一つだけです", "more than one YAML document"));
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse_event(
		        w, event, LANGUAGE("エイリアスは使えません", "aliases are not allowed"));
	case YAML_SCALAR_EVENT:
		return take_scalar(w, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_level(w, event, false, event->data.sequence_start.anchor,
		        event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_level(w, event, true, event->data.mapping_start.anchor,
		        event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		w->depth--;
		w->path[w->levels[w->depth].path_length] = '\0';
		return 0;
	default:
		return 0;
	}
}

static int refuse_parser(const yaml_parser_t *parser, struct policy_error *error)
{
	char message[sizeof(error->message)];

	if (parser->error == YAML_MEMORY_ERROR)
		return ERR_MEMORY;
	(void)snprintf(message, sizeof(message),
	        LANGUAGE("YAML として読めません (%s)", "not valid YAML: %s"),
	        parser->problem ? parser->problem : "?");
	return refuse(
	        error, parser->problem_mark.line + 1, parser->problem_mark.column + 1, message);
}

static int walk_events(yaml_parser_t *parser, struct walk *w)
{
	int result = 0;
	bool end = false;

	while (!result && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
			return refuse_parser(parser, w->error);
		end = event.type == YAML_STREAM_END_EVENT;
		result = take_event(w, &event);
		yaml_event_delete(&event);
	}
	if (!result && !w->documents)
		return refuse(w->error, 1, 1, LANGUAGE("文書が空です", "the document is empty"));
	return result;
}

int shape_read(const uint8_t *text, size_t length, struct shape *shape, struct policy_error *error)
{
	struct walk w = {.shape = shape, .error = error};
	yaml_parser_t parser;
	int result;

	shape->count = 0;
	result = check_characters(text, length, error);
	if (result)
		return result;
	if (!yaml_parser_initialize(&parser))
		return ERR_MEMORY;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text, length);
	result = walk_events(&parser, &w);
	yaml_parser_delete(&parser);
	return result;
}

const struct shape_place *shape_find(const struct shape *shape, const char *path)
{
	for (size_t i = 0; i < shape->count; i++)
		if (strcmp(shape->places[i].path, path) == 0)
			return &shape->places[i];
	return NULL;
}

const struct shape_place *shape_find_key(const struct shape *shape, const char *key)
{
	for (size_t i = 0; i < shape->count; i++) {
		const char *dot = strrchr(shape->places[i].path, '.');

		if (strcmp(dot ? dot + 1 : shape->places[i].path, key) == 0)
			return &shape->places[i];
	}
	return NULL;
}

#include "agent/guard_answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ways.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/utf8.h"
#include "policy/treatment.h"

enum { LIST_MAX = 4096 };

void guard_answer_state(
        const struct enforcement *e, const struct ports *p, struct event_record *state)
{
	struct ports_figures ports;
	struct enforcement_figures f;
	struct ways ways;

	enforce_count(e, &f);
	ports_count(p, &ports);
	ways_look(e->sys, !e->observe && f.hubs == f.hubs_denying && f.controllers_deny,
	        ~ports.unwatched, &ways);
	event_start(state, 0);
	event_put(state, FIELD_MODE, e->observe ? "observe" : "enforce");
	event_put_number(state, FIELD_HUBS, f.hubs);
	event_put_number(state, FIELD_HUBS_DENYING, f.hubs_denying);
	event_put(state, FIELD_CONTROLLERS_DENY, f.controllers_deny ? "true" : "false");
	event_put_number(state, FIELD_DEVICES, f.devices + ports.devices);
	event_put_number(state, FIELD_DEVICES_ALLOWED, f.allowed + ports.allowed);
	event_put_number(state, FIELD_DEVICES_DENIED, f.denied + ports.denied);
	event_put_number(state, FIELD_DEVICES_UNENFORCED, f.unenforced + ports.unenforced);
	event_put_number(state, FIELD_STORAGE_PRESENT, f.storage_usable);
	event_put(state, FIELD_WAYS_WATCHED, ways.watched);
	event_put(state, FIELD_WAYS_ABSENT, ways.absent);
	event_put(state, FIELD_WAYS_UNWATCHED, ways.unwatched);
}

void guard_answer_policy(const struct guard_policy *p, struct event_record *state)
{
	event_start(state, 0);
	if (p->policy != NULL) {
		event_put(state, FIELD_POLICY_ID, p->policy->id);
		event_put_number(state, FIELD_POLICY_VERSION, p->policy->version);
		event_put(state, FIELD_POLICY_DIGEST, p->policy->digest);
		event_put_number(state, FIELD_REPORT_INTERVAL, p->policy->report_interval);
	}
	event_put(state, FIELD_POLICY_STATE, guard_policy_state(p));
	event_put(state, FIELD_POLICY_PROBLEM, p->problem);
}

/* JSON is UTF-8, a device's name need not be. */
static json_t *text_value(const char *text)
{
	char clean[FACTS_TEXT_MAX];
	size_t length = utf8_clean(text, clean, sizeof(clean));

	return json_stringn(clean, length);
}

static void member_add(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text_value(text));
}

/* "a b c" */
static json_t *words_value(const char *text)
{
	json_t *array = json_array();

	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		json_array_append_new(array, json_stringn(text, length));
		text += length;
		text += strspn(text, " ");
	}
	return array;
}

static void facts_add(json_t *object, const struct device_facts *f)
{
	char interfaces[LIST_MAX];
	char ways[WAYS_TEXT_MAX];
	char id[16];

	enforce_interfaces_text(f, interfaces, sizeof(interfaces));
	ways_of_device(f, ways);
	snprintf(id, sizeof(id), "%04x:%04x", f->vendor, f->product);
	member_add(object, "id", id);
	member_add(object, "name", f->name);
	member_add(object, "serial", f->serial);
	member_add(object, "hash", f->hash);
	member_add(object, "parent_hash", f->parent_hash);
	member_add(object, "via_port", f->via_port);
	member_add(object, "connect_type", f->connect_type);
	json_object_set_new(object, "interfaces", words_value(interfaces));
	json_object_set_new(object, "ways", words_value(ways));
}

static void verdict_add(
        json_t *object, const struct verdict *v, bool observe, const char *unenforced)
{
	member_add(object, "verdict", treatment_name(v->treatment));
	json_object_set_new(object, "rule",
	        v->rule != 0 ? json_integer((json_int_t)v->rule) : json_string("implicit"));
	member_add(object, "reason", reason_code(v->reason));
	member_add(object, "text", reason_text(v->reason));
	if (v->way != WAY_COUNT)
		member_add(object, "way", way_name(v->way));
	json_object_set_new(object, "observed", json_boolean(observe));
	if (unenforced != NULL)
		member_add(object, "unenforced", unenforced);
}

/* Takes the document. */
static int json_send(int connection, json_t *document)
{
	char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
	int r = text != NULL ? channel_send_json(connection, text) : ERR_MEMORY;

	free(text);
	json_decref(document);
	return r;
}

static void port_add(json_t *array, const struct enforcement *e, const struct port_guarded *g)
{
	struct verdict v = ports_verdict(g);
	json_t *object = json_object();

	member_add(object, "device", g->look.name);
	member_add(object, "port", g->look.kind->name);
	member_add(object, "id", g->look.id);
	member_add(object, "name", g->look.model);
	member_add(object, "serial", g->look.serial);
	json_object_set_new(object, "ways", words_value(way_name(g->look.way)));
	verdict_add(object, &v, e->observe, g->unenforced);
	json_object_set_new(object, "authorised", json_boolean(!port_is_stopped(e->sys, &g->look)));
	json_array_append_new(array, object);
}

int guard_answer_devices(const struct enforcement *e, const struct ports *p, int connection)
{
	json_t *array = json_array();

	for (size_t i = 0; i < e->count; i++) {
		const struct guarded *g = e->devices[i];
		struct verdict v = enforce_verdict(g);
		json_t *object = json_object();

		member_add(object, "device", g->device.name);
		facts_add(object, &g->device.facts);
		verdict_add(object, &v, e->observe, g->unenforced);
		json_object_set_new(object, "authorised", json_boolean(g->device.authorised));
		json_array_append_new(array, object);
	}
	for (size_t i = 0; i < p->count; i++) {
		if (!p->ports[i]->quiet)
			port_add(array, e, p->ports[i]);
	}
	return json_send(connection, array);
}

int guard_answer_offer(const struct guard_policy *p, const char *reason, int connection)
{
	json_t *object = json_object();

	json_object_set_new(object, "accepted", json_boolean(reason == NULL));
	if (reason != NULL) {
		member_add(object, "reason", reason);
	} else {
		member_add(object, "id", p->policy->id);
		json_object_set_new(
		        object, "version", json_integer((json_int_t)p->policy->version));
	}
	return json_send(connection, object);
}

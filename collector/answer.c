#include "collector/answer.h"

#include "core/language.h"

#include <stdlib.h>

void answer_give(struct answer *answer, const char *type, char *body)
{
	if (body == NULL) {
		answer_fail(answer);
		return;
	}
	*answer = (struct answer){.status = 200, .type = type, .body = body};
}

void answer_give_json(struct answer *answer, json_t *json)
{
	answer_give(answer, "application/json", json_dumps(json, JSON_COMPACT));
	json_decref(json);
}

void answer_refuse(
        struct answer *answer, int status, const char *code, const char *message, json_t *more)
{
	json_t *json = json_pack("{s:s, s:s}", "error", code, "message", message);

	if (more != NULL)
		json_object_update_missing(json, more);
	*answer = (struct answer){.status = status,
	        .type = "application/json",
	        .code = code,
	        .body = json_dumps(json, JSON_COMPACT)};
	json_decref(more);
	json_decref(json);
}

void answer_fail(struct answer *answer)
{
	answer_refuse(answer, 500, "internal",
	        LANGUAGE("コレクター側の障害です。後でもう一度送ってください",
	                "the collector has a problem; try again later"),
	        NULL);
	answer->close = true;
}

void answer_free(struct answer *answer)
{
	free(answer->body);
	*answer = (struct answer){.body = NULL};
}

#include "agent/recipient.h"

#include <event2/dns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/paths.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"

enum { CA_FILE_MAX = 1 << 18 };

/* agent.yaml may name the collector's present address; the enrolment names the one it was made
 * with. */
static void choose_collector(struct recipient *r, int root)
{
	struct agent_config config = {0};
	char message[160];
	unsigned line = 0;

	if (config_read(root, &config, &line, message) != 0 || config.collector[0] == '\0')
		snprintf(r->collector, sizeof(r->collector), "%s", r->enrolment.collector);
	else
		snprintf(r->collector, sizeof(r->collector), "%s", config.collector);
}

static int load_trust(struct recipient *r, int root)
{
	uint8_t *pem = NULL;
	size_t length = 0;
	int fd, error = file_open_checked(
	                root, PATH_COLLECTOR_CA, (uid_t)-1, 0644, CA_FILE_MAX, &fd);

	if (error != 0)
		return error;
	error = file_read(fd, CA_FILE_MAX, &pem, &length);
	close(fd);
	if (error == 0)
		error = http_trust_new(pem, length, &r->trust);
	free(pem);
	return error;
}

/* What resolv.conf cannot tell, /etc/hosts or a numeric address can: neither missing is an error.
 */
static int open_resolver(struct recipient *r, struct event_base *base)
{
	r->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (r->dns == NULL)
		return ERR_MEMORY;
	(void)evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	return 0;
}

int recipient_load(struct recipient *r, struct event_base *base, int root)
{
	int error = enrolment_read(root, &r->enrolment);

	if (error != 0) {
		if (error != ERR_NOT_FOUND)
			log_error("%s: %s", ENROLMENT_FILE, error_text(error));
		return error;
	}
	choose_collector(r, root);
	error = http_url_parse(r->collector, &r->url);
	if (error == 0)
		error = key_read_public((const uint8_t *)r->enrolment.receipt_key,
		        strlen(r->enrolment.receipt_key), &r->receipt_key);
	if (error != 0) {
		log_error("%s: %s", ENROLMENT_FILE, error_text(error));
		return error;
	}
	error = load_trust(r, root);
	if (error != 0) {
		log_error("%s: %s", PATH_COLLECTOR_CA, error_text(error));
		return error;
	}
	return open_resolver(r, base);
}

void recipient_clear(struct recipient *r)
{
	if (r->dns != NULL)
		evdns_base_free(r->dns, 0);
	r->dns = NULL;
	http_trust_free(&r->trust);
	key_free(&r->receipt_key);
	enrolment_clear(&r->enrolment);
	r->collector[0] = '\0';
}

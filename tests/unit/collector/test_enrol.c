#include "collector/enrol.h"

#include "core/error.h"
#include "tests/unit/collector/fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define UEID "AQAAAAAAAAAAAAAAAAAAAAE"

struct office {
	struct fixture *f;
	struct authority *authority;
	struct enrolment enrolment;
	struct key *key;
	char *csr;
	char *token;
};

static int set_up(void **state)
{
	struct office *o = calloc(1, sizeof(*o));
	struct key *ca = NULL;
	char *pem = NULL;
	size_t length = 0;
	void *fixture = NULL;

	fixture_set_up(&fixture);
	o->f = fixture;
	assert_int_equal(key_generate(&ca), 0);
	assert_int_equal(authority_make(ca, "Office", 1700000000, &pem), 0);
	assert_int_equal(authority_open(pem, strlen(pem), ca, &o->authority), 0);
	free(pem);
	assert_int_equal(key_generate(&o->key), 0);
	assert_int_equal(key_request(o->key, "somebody else", &o->csr, &length), 0);
	assert_int_equal(enrol_new_token(o->f->store, NULL, o->f->now + 1000, &o->token), 0);
	o->enrolment = (struct enrolment){o->f->store, o->authority, "receipt key"};
	*state = o;
	return 0;
}

static int tear_down(void **state)
{
	struct office *o = *state;
	void *fixture = o->f;

	fixture_tear_down(&fixture);
	authority_free(&o->authority);
	authority_free(&o->authority);
	key_free(&o->key);
	free(o->csr);
	free(o->token);
	free(o);
	return 0;
}

static const char *ask_text(struct office *o, const char *body)
{
	answer_free(&o->f->answer);
	enrol_terminal(&o->enrolment, body, strlen(body), "192.0.2.1", o->f->now, &o->f->answer);
	return o->f->answer.code == NULL ? "" : o->f->answer.code;
}

static const char *ask(
        struct office *o, const char *token, const char *name, const char *ueid, const char *csr)
{
	json_t *json = json_pack(
	        "{s:s, s:s, s:s, s:s}", "token", token, "name", name, "ueid", ueid, "csr", csr);
	char *body = json_dumps(json, 0);
	const char *code = ask_text(o, body);

	free(body);
	json_decref(json);
	return code;
}

static void check_certificate(const char *pem, const struct key *key)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	char name[64] = "";

	assert_non_null(certificate);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), key_evp(key)), 1);
	X509_NAME_get_text_by_NID(
	        X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
	assert_string_equal(name, "T7");
	assert_int_equal(X509_check_ca(certificate), 0);
	X509_free(certificate);
	BIO_free(bio);
}

static void test_enrols_once(void **state)
{
	struct office *o = *state;
	struct store_terminal found;

	assert_string_equal(ask(o, o->token, "T7", UEID, o->csr), "");
	json_t *answer = json_loads(o->f->answer.body, 0, NULL);
	assert_int_equal(json_object_size(answer), 3);
	assert_string_equal(json_string_value(json_object_get(answer, "terminal")), "T7");
	assert_string_equal(
	        json_string_value(json_object_get(answer, "receipt_key")), "receipt key");
	check_certificate(json_string_value(json_object_get(answer, "certificate")), o->key);
	json_decref(answer);
	assert_int_equal(store_find_ueid(o->f->store, UEID, &found), 0);
	assert_string_equal(found.name, "T7");
	assert_string_equal(ask(o, o->token, "T8", UEID, o->csr), "token-refused");
}

static void test_name_taken_keeps_the_token(void **state)
{
	struct office *o = *state;

	assert_string_equal(ask(o, o->token, "T1", UEID, o->csr), "name-taken");
	assert_int_equal(o->f->answer.status, 409);
	assert_string_equal(ask(o, o->token, "T7", UEID, o->csr), "");
}

static void test_refused(void **state)
{
	struct office *o = *state;

	assert_string_equal(ask(o, "x", "T7", UEID, o->csr), "token-refused");
	assert_string_equal(ask(o, o->token, "T 7", UEID, o->csr), "bad-request");
	assert_string_equal(ask(o, o->token, "T7", "AQ", o->csr), "bad-request");
	assert_string_equal(ask(o, o->token, "T7", UEID, "csr"), "bad-request");
	assert_string_equal(ask_text(o, ""), "bad-request");
	assert_string_equal(ask_text(o, "{}"), "bad-request");
	o->f->now += 1000;
	assert_string_equal(ask(o, o->token, "T7", UEID, o->csr), "token-refused");
}

static void test_token_for_a_name(void **state)
{
	struct office *o = *state;
	char *token = NULL;

	assert_int_equal(enrol_new_token(o->f->store, "T7", o->f->now + 1, &token), 0);
	assert_string_equal(ask(o, token, "T8", UEID, o->csr), "token-refused");
	assert_string_equal(ask(o, token, "T7", UEID, o->csr), "");
	free(token);
}

/* A request whose signature is not by the key within proves nothing. */
static void test_request_of_another_key(void **state)
{
	struct office *o = *state;
	BIO *bio = BIO_new_mem_buf(o->csr, -1);
	X509_REQ *request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	BIO *out = BIO_new(BIO_s_mem());
	char *pem = NULL;
	struct key *key = NULL;

	assert_int_equal(X509_REQ_set_pubkey(request, key_evp(o->f->key)), 1);
	assert_int_equal(PEM_write_bio_X509_REQ(out, request), 1);
	long length = BIO_get_mem_data(out, &pem);
	assert_int_equal(authority_read_request(pem, (size_t)length, &key), ERR_SIGNATURE);
	assert_null(key);
	X509_REQ_free(request);
	BIO_free(bio);
	BIO_free(out);
}

static void test_request_of_another_curve(void **state)
{
	EVP_PKEY *evp = EVP_EC_gen("P-384");
	X509_REQ *request = X509_REQ_new();
	BIO *out = BIO_new(BIO_s_mem());
	char *pem = NULL;
	struct key *key = NULL;

	(void)state;
	assert_int_equal(X509_REQ_set_pubkey(request, evp), 1);
	assert_true(X509_REQ_sign(request, evp, EVP_sha384()) > 0);
	assert_int_equal(PEM_write_bio_X509_REQ(out, request), 1);
	long length = BIO_get_mem_data(out, &pem);
	assert_int_equal(authority_read_request(pem, (size_t)length, &key), ERR_FORMAT);
	X509_REQ_free(request);
	EVP_PKEY_free(evp);
	BIO_free(out);
}

static void test_server_certificate(void **state)
{
	struct office *o = *state;
	const char *const names[] = {"collector.example", "192.0.2.7", "::1"};
	const char *const bad[] = {"a,DNS:evil"};
	char *pem = NULL;

	assert_int_equal(
	        authority_issue_server(o->authority, o->key, bad, 1, 1700000000, &pem), ERR_FORMAT);
	assert_int_equal(authority_issue_server(o->authority, o->key, names, 0, 1700000000, &pem),
	        ERR_FORMAT);
	assert_int_equal(
	        authority_issue_server(o->authority, o->key, names, 3, 1700000000, &pem), 0);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_int_equal(X509_check_host(certificate, "collector.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(certificate, "other.example", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(certificate, "192.0.2.7", 0), 1);
	assert_int_equal(X509_check_ip_asc(certificate, "::1", 0), 1);
	X509_free(certificate);
	BIO_free(bio);
	free(pem);
}

static void test_authority_needs_its_key(void **state)
{
	struct key *ca = NULL;
	struct key *other = NULL;
	struct authority *authority = NULL;
	char *pem = NULL;

	(void)state;
	assert_int_equal(key_generate(&ca), 0);
	assert_int_equal(key_generate(&other), 0);
	assert_int_equal(authority_make(ca, "Office", 1700000000, &pem), 0);
	assert_int_equal(authority_open(pem, strlen(pem), other, &authority), ERR_FORMAT);
	assert_null(authority);
	assert_int_equal(authority_open("x", 1, ca, &authority), ERR_FORMAT);
	free(pem);
}

static void test_hosts(void **state)
{
	static const char *const good[] = {"a", "a.b", "a-b.c", "10.0.0.1", "::1", "fe80::1"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a b",
	        "a,b", "a_b", "端末", "a:1"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(authority_is_host(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(authority_is_host(bad[i]));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        TEST(test_enrols_once),
	        TEST(test_name_taken_keeps_the_token),
	        TEST(test_refused),
	        TEST(test_token_for_a_name),
	        TEST(test_request_of_another_key),
	        TEST(test_request_of_another_curve),
	        TEST(test_server_certificate),
	        TEST(test_authority_needs_its_key),
	        TEST(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

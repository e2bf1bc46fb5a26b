#include "tests/unit/workspace.h"

#include "core/cms.h"
#include "core/crypto.h"
#include "core/error.h"

static const char text[] = "policy:\r\n  version: 3\n\n関所\n";

/* Certificates a, b, c (P-256), a2 (a's key, renewed), p384, rsa: made once for all tests. */
static int office_set_up(void **state)
{
	workspace_set_up(state);
	const struct workspace *w = *state;
	assert_int_equal(
	        workspace_run(w,
	                "for n in a b c; do openssl req -x509 -newkey ec -pkeyopt "
	                "ec_paramgen_curve:P-256 -nodes "
	                "-keyout $n.key -out $n.pem -subj \"/O=Mito/CN=signer $n\" -days 30 || "
	                "exit 1; done; "
	                "openssl req -x509 -new -key a.key -out a2.pem -subj '/CN=renewed' -days "
	                "30 && "
	                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes "
	                "-keyout p384.key "
	                "-out p384.pem -subj /CN=p384 && "
	                "openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem "
	                "-subj /CN=rsa && "
	                "cat a.pem b.pem >ab.pem && cat a.pem a2.pem >aa2.pem && : >empty && "
	                "cat a.pem rsa.pem >mixed.pem && cat a.key >key.pem && "
	                "{ cat a.pem; head -c 200 b.pem; } >cut.pem && "
	                "{ cat a.pem; sed 's/^M/N/' b.pem; } >spoilt.pem"),
	        0);
	workspace_write(w, "text", text, sizeof(text) - 1);
	return 0;
}

static int sign(const struct workspace *w, const char *signed_name, const char *certificate,
        const char *key, char **out)
{
	char *certificate_pem = workspace_read(w, certificate, NULL);
	char *key_pem = workspace_read(w, key, NULL);
	char *before = signed_name == NULL ? NULL : workspace_read(w, signed_name, NULL);
	size_t length = 0;

	int error = cms_sign(before == NULL ? (const uint8_t *)text : NULL,
	        before == NULL ? sizeof(text) - 1 : 0, before, certificate_pem, key_pem, out,
	        &length);
	assert_true((*out == NULL) == (error != 0));
	if (*out != NULL)
		assert_int_equal(strlen(*out), length);
	free(before);
	free(key_pem);
	free(certificate_pem);
	return error;
}

static void sign_to(const struct workspace *w, const char *signed_name, const char *certificate,
        const char *key, const char *name)
{
	char *out = NULL;

	assert_int_equal(sign(w, signed_name, certificate, key, &out), 0);
	workspace_write_text(w, name, out);
	free(out);
}

static int verify(const struct workspace *w, const char *name, const char *trusted, size_t needed,
        struct cms_signer *signers, size_t *count)
{
	size_t length = 0, trusted_length = 0, content_length = 9;
	uint8_t *content = (uint8_t *)1;
	char *pem = workspace_read(w, name, &length);
	char *bundle = workspace_read(w, trusted, &trusted_length);

	int error = cms_verify((const uint8_t *)pem, length, (const uint8_t *)bundle,
	        trusted_length, needed, &content, &content_length, signers, count);
	if (error == 0) {
		assert_int_equal(content_length, sizeof(text) - 1);
		assert_memory_equal(content, text, sizeof(text)); /* with the NUL */
		free(content);
	} else {
		assert_null(content);
		assert_int_equal(content_length, 0);
		if (count != NULL)
			assert_int_equal(*count, 0);
	}
	free(bundle);
	free(pem);
	return error;
}

static void one_signer(void **state)
{
	const struct workspace *w = *state;
	struct cms_signer signers[CMS_SIGNERS_MAX];
	size_t count = 0;

	sign_to(w, NULL, "a.pem", "a.key", "by-a");
	assert_int_equal(verify(w, "by-a", "a.pem", 1, signers, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(signers[0].subject, "CN=signer a,O=Mito");
	assert_int_equal(workspace_run(w, "openssl x509 -in a.pem -noout -fingerprint -sha256 | "
	                                  "sed 's/.*=//; s/://g' | "
	                                  "tr A-F a-f | tr -d '\\n' >fingerprint"),
	        0);
	char *fingerprint = workspace_read(w, "fingerprint", NULL);
	assert_string_equal(signers[0].fingerprint, fingerprint);
	free(fingerprint);
	assert_int_equal(verify(w, "by-a", "ab.pem", 1, NULL, NULL), 0);
	assert_int_equal(verify(w, "by-a", "ab.pem", 2, signers, &count), ERR_SIGNATURE);
	assert_int_equal(verify(w, "by-a", "b.pem", 1, signers, &count), ERR_SIGNATURE);
	assert_int_equal(verify(w, "by-a", "a.pem", 0, signers, &count), ERR_USAGE);
}

static void two_signers(void **state)
{
	const struct workspace *w = *state;
	struct cms_signer signers[CMS_SIGNERS_MAX];
	size_t count = 0;
	char *out = NULL;

	sign_to(w, NULL, "a.pem", "a.key", "by-a");
	sign_to(w, "by-a", "b.pem", "b.key", "by-ab");
	assert_int_equal(verify(w, "by-ab", "ab.pem", 2, signers, &count), 0);
	assert_int_equal(count, 2);
	assert_string_not_equal(signers[0].fingerprint, signers[1].fingerprint);
	assert_int_equal(verify(w, "by-ab", "ab.pem", 3, signers, &count), ERR_SIGNATURE);
	/* one of them is nobody we know: the whole is refused, though one would do */
	assert_int_equal(verify(w, "by-ab", "a.pem", 1, signers, &count), ERR_SIGNATURE);
	assert_int_equal(verify(w, "by-ab", "b.pem", 1, signers, &count), ERR_SIGNATURE);
	assert_int_equal(sign(w, "by-ab", "b.pem", "b.key", &out), ERR_EXISTS);
	/* one key twice, by a renewed certificate, is one signer */
	sign_to(w, "by-a", "a2.pem", "a.key", "by-aa2");
	assert_int_equal(verify(w, "by-aa2", "aa2.pem", 1, signers, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(verify(w, "by-aa2", "aa2.pem", 2, signers, &count), ERR_SIGNATURE);
}

static void sign_refuses(void **state)
{
	const struct workspace *w = *state;
	char *out = NULL;
	size_t length = 0;

	assert_int_equal(sign(w, NULL, "a.pem", "b.key", &out), ERR_FORMAT); /* not its key */
	assert_int_equal(sign(w, NULL, "p384.pem", "p384.key", &out), ERR_FORMAT);
	assert_int_equal(sign(w, NULL, "rsa.pem", "rsa.key", &out), ERR_FORMAT);
	assert_int_equal(sign(w, NULL, "a.key", "a.key", &out), ERR_FORMAT);
	assert_int_equal(sign(w, NULL, "a.pem", "a.pem", &out), ERR_FORMAT);
	assert_int_equal(sign(w, "text", "a.pem", "a.key", &out),
	        ERR_FORMAT); /* adds to what is not signed */
	assert_int_equal(cms_sign(NULL, 0, NULL, "", "", &out, &length), ERR_USAGE);
	assert_int_equal(cms_sign((const uint8_t *)text, 1, "x", "", "", &out, &length), ERR_USAGE);
	char *certificate = workspace_read(w, "a.pem", NULL);
	char *key = workspace_read(w, "a.key", NULL);
	uint8_t *large = calloc(1, CMS_CONTENT_MAX + 1);
	assert_int_equal(
	        cms_sign(large, CMS_CONTENT_MAX + 1, NULL, certificate, key, &out, &length),
	        ERR_TOO_LONG);
	assert_null(out);
	/* the largest passes both ways */
	uint8_t *content = NULL;
	size_t content_length = 0;
	assert_int_equal(
	        cms_sign(large, CMS_CONTENT_MAX, NULL, certificate, key, &out, &length), 0);
	assert_int_equal(cms_verify((uint8_t *)out, length, (uint8_t *)certificate,
	                         strlen(certificate), 1, &content, &content_length, NULL, NULL),
	        0);
	assert_int_equal(content_length, CMS_CONTENT_MAX);
	free(content);
	free(out);
	free(large);
	free(key);
	free(certificate);
}

/* A second office does not put its signature under a text that the first has not signed. */
static void sign_checks_what_is_there(void **state)
{
	const struct workspace *w = *state;
	char *out = NULL;

	sign_to(w, NULL, "a.pem", "a.key", "by-a");
	assert_int_equal(
	        workspace_run(w,
	                "openssl cms -cmsout -inform PEM -in by-a -outform DER -out by-a.der && "
	                "sed 's/version: 3/version: 4/' by-a.der >changed.der && ! cmp -s by-a.der "
	                "changed.der && "
	                "openssl cms -cmsout -inform DER -in changed.der -outform PEM -out "
	                "changed"),
	        0);
	assert_int_equal(sign(w, "changed", "b.pem", "b.key", &out), ERR_SIGNATURE);
	assert_int_equal(verify(w, "changed", "a.pem", 1, NULL, NULL), ERR_SIGNATURE);
}

static void too_many_signers(void **state)
{
	const struct workspace *w = *state;
	char *out = NULL;

	assert_int_equal(
	        workspace_run(w,
	                "for n in 1 2 3 4 5 6 7 8 9; do openssl req -x509 -newkey ec -pkeyopt "
	                "ec_paramgen_curve:P-256 -nodes -keyout m$n.key -out m$n.pem -subj /CN=$n "
	                "|| exit 1; "
	                "done; cat m?.pem >many.pem; "
	                "openssl cms -sign -binary -in text -nodetach -md sha256 -outform PEM -out "
	                "nine "
	                "$(for n in 1 2 3 4 5 6 7 8 9; do echo -signer m$n.pem -inkey m$n.key; "
	                "done)"),
	        0);
	assert_int_equal(verify(w, "nine", "many.pem", 1, NULL, NULL), ERR_TOO_LONG);
	assert_int_equal(workspace_run(w, "openssl cms -sign -binary -in text -nodetach -md sha256 "
	                                  "-outform PEM -out eight "
	                                  "$(for n in 1 2 3 4 5 6 7 8; do echo -signer m$n.pem "
	                                  "-inkey m$n.key; done)"),
	        0);
	assert_int_equal(verify(w, "eight", "many.pem", 8, NULL, NULL), 0);
	assert_int_equal(sign(w, "eight", "m9.pem", "m9.key", &out), ERR_TOO_LONG);
}

static void openssl_verifies_ours(void **state)
{
	const struct workspace *w = *state;

	sign_to(w, NULL, "a.pem", "a.key", "by-a");
	sign_to(w, "by-a", "b.pem", "b.key", "by-ab");
	assert_int_equal(workspace_run(w, "openssl cms -verify -binary -inform PEM -in by-ab "
	                                  "-CAfile ab.pem -purpose any "
	                                  "-out seen && cmp seen text"),
	        0);
	assert_int_equal(workspace_run(w, "openssl cms -verify -binary -inform PEM -in by-ab "
	                                  "-nointern -certfile ab.pem "
	                                  "-noverify -out seen && cmp seen text"),
	        0);
	assert_int_not_equal(workspace_run(w, "openssl cms -verify -binary -inform PEM -in by-ab "
	                                      "-CAfile a.pem -purpose any"),
	        0);
}

static void signed_by_openssl(const struct workspace *w, const char *options, int expected)
{
	char command[512];

	snprintf(command, sizeof(command), "openssl cms -sign -in text -outform PEM -out theirs %s",
	        options);
	assert_int_equal(workspace_run(w, command), 0);
	int error = verify(w, "theirs", "ab.pem", 1, NULL, NULL);
	if (error != expected)
		fail_msg("%s: %d", options, error);
}

static void ours_verifies_openssl(void **state)
{
	const struct workspace *w = *state;

	signed_by_openssl(w, "-binary -nodetach -md sha256 -signer a.pem -inkey a.key", 0);
	signed_by_openssl(w,
	        "-binary -nodetach -md sha256 -signer a.pem -inkey a.key -signer b.pem -inkey "
	        "b.key",
	        0);
	signed_by_openssl(w, "-binary -nodetach -md sha256 -keyid -signer a.pem -inkey a.key", 0);
	signed_by_openssl(w, "-binary -nodetach -md sha256 -nocerts -signer a.pem -inkey a.key", 0);
	signed_by_openssl(w, "-binary -nodetach -md sha256 -stream -signer a.pem -inkey a.key", 0);
	/* another's certificate inside makes nobody trusted */
	signed_by_openssl(w,
	        "-binary -nodetach -md sha256 -signer c.pem -inkey c.key -certfile a.pem",
	        ERR_SIGNATURE);
	signed_by_openssl(w,
	        "-binary -nodetach -md sha256 -signer a.pem -inkey a.key -signer c.pem -inkey "
	        "c.key",
	        ERR_SIGNATURE);
	signed_by_openssl(
	        w, "-binary -nodetach -md sha1 -signer a.pem -inkey a.key", ERR_SIGNATURE);
	signed_by_openssl(
	        w, "-binary -nodetach -md sha512 -signer a.pem -inkey a.key", ERR_SIGNATURE);
	signed_by_openssl(w, "-binary -nodetach -md sha256 -noattr -signer a.pem -inkey a.key",
	        ERR_SIGNATURE);
	signed_by_openssl(w, "-binary -md sha256 -signer a.pem -inkey a.key",
	        ERR_FORMAT); /* the text is elsewhere */
	signed_by_openssl(w,
	        "-binary -nodetach -econtent_type 1.2.3.4 -md sha256 -signer a.pem -inkey a.key",
	        ERR_FORMAT);
}

static void not_a_signed_message(void **state)
{
	const struct workspace *w = *state;

	sign_to(w, NULL, "a.pem", "a.key", "by-a");
	/* a byte behind the message inside the block */
	workspace_write_text(w, "trailing.sh",
	        "#!/bin/sh\nexec >x\necho '-----BEGIN CMS-----'\n"
	        "{ openssl cms -cmsout -inform PEM -in by-a -outform DER; printf x; } | base64 -w "
	        "64\n"
	        "echo '-----END CMS-----'\n");
	static const char *const commands[] = {
	        ": >x",
	        "cp text x",
	        "cp a.pem x",
	        "{ echo 'policy: mine'; cat by-a; } >x",
	        "{ cat by-a; echo 'policy: mine'; } >x",
	        "cat by-a by-a >x",
	        "sed 's/BEGIN CMS/BEGIN PKCS7/; s/END CMS/END PKCS7/' by-a >x",
	        "sed '1a Proc-Type: 4,CLEAR\\n' by-a >x",
	        "openssl cms -encrypt -in text -outform PEM -aes128 -out x a.pem",
	        "openssl cms -data_create -in text -outform PEM -out x",
	        "openssl cms -digest_create -in text -outform PEM -out x",
	        "head -c 300 by-a >x",
	        "sh ./trailing.sh",
	};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_equal(workspace_run(w, commands[i]), 0);
		int error = verify(w, "x", "a.pem", 1, NULL, NULL);
		if (error != ERR_FORMAT)
			fail_msg("%s: %d", commands[i], error);
	}
	assert_int_equal(workspace_run(w, "{ cat by-a; echo; } >x"), 0);
	assert_int_equal(verify(w, "x", "a.pem", 1, NULL, NULL), 0);
	assert_int_equal(workspace_run(w, "head -c 16777217 /dev/zero >x"), 0);
	assert_int_equal(verify(w, "x", "a.pem", 1, NULL, NULL), ERR_TOO_LONG);
}

static void bad_bundles(void **state)
{
	const struct workspace *w = *state;

	sign_to(w, NULL, "a.pem", "a.key", "by-a");
	assert_int_equal(verify(w, "by-a", "empty", 1, NULL, NULL), ERR_SIGNATURE);
	assert_int_equal(verify(w, "by-a", "text", 1, NULL, NULL), ERR_SIGNATURE);
	assert_int_equal(verify(w, "by-a", "mixed.pem", 1, NULL, NULL), ERR_FORMAT);
	assert_int_equal(verify(w, "by-a", "p384.pem", 1, NULL, NULL), ERR_FORMAT);
	assert_int_equal(verify(w, "by-a", "cut.pem", 1, NULL, NULL), ERR_FORMAT);
	assert_int_equal(verify(w, "by-a", "spoilt.pem", 1, NULL, NULL), ERR_FORMAT);
	assert_int_equal(workspace_run(w, "{ echo '# office of Mito'; cat a.pem; } >noted.pem"), 0);
	assert_int_equal(verify(w, "by-a", "noted.pem", 1, NULL, NULL), 0);
}

/* Any byte of the message changed: refused, or (inside certificates and unsigned parts) nothing
 * else is said. */
static void tampered(void **state)
{
	const struct workspace *w = *state;
	size_t length = 0, trusted_length = 0;

	sign_to(w, NULL, "a.pem", "a.key", "by-a");
	char *pem = workspace_read(w, "by-a", &length);
	char *bundle = workspace_read(w, "a.pem", &trusted_length);
	size_t refused = 0;
	for (size_t i = 0; i < length; i++) {
		uint8_t *content = NULL;
		size_t content_length = 0;
		char kept = pem[i];
		pem[i] = kept == 'A' ? 'B' : 'A';
		int error = cms_verify((uint8_t *)pem, length, (uint8_t *)bundle, trusted_length, 1,
		        &content, &content_length, NULL, NULL);
		if (error == 0)
			assert_memory_equal(content, text, sizeof(text));
		else
			assert_null(content);
		refused += error != 0;
		free(content);
		pem[i] = kept;
	}
	assert_true(refused > length / 2);
	free(bundle);
	free(pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_signer),
	        cmocka_unit_test(two_signers),
	        cmocka_unit_test(sign_refuses),
	        cmocka_unit_test(sign_checks_what_is_there),
	        cmocka_unit_test(too_many_signers),
	        cmocka_unit_test(openssl_verifies_ours),
	        cmocka_unit_test(ours_verifies_openssl),
	        cmocka_unit_test(not_a_signed_message),
	        cmocka_unit_test(bad_bundles),
	        cmocka_unit_test(tampered),
	};

	/* As guard, auth and signer do. */
	if (crypto_start() != 0)
		return 1;
	return cmocka_run_group_tests(tests, office_set_up, workspace_tear_down);
}

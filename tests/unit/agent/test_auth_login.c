/* A worker, served from both sides: the test is the client, auth and the signer. */
#include "tests/unit/agent/auth_fixture.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/auth_login.h"
#include "agent/auth_voucher.h"
#include "agent/channel.h"
#include "agent/paths.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/frame.h"
#include "core/language.h"
#include "core/login.h"

enum { WAIT_MS = 5000 };

struct stage {
	pid_t pid;
	int client;
	int parent;
	int signer;
	uint16_t told[8]; /* kinds of the events the worker sent */
	char causes[8][EVENT_VALUE_MAX + 1];
	struct event_record last; /* of them */
	size_t told_count;
};

static const char LOCKED[] =
        "This user is locked after wrong codes; ask the administrator to unlock it.";
static struct auth_rules rules = FIXTURE_RULES;
static const char *service = "login";
static int root = -1;
static const struct storage_key *key = &fixture_key;

static void start(struct stage *s, uid_t peer)
{
	int client[2];
	int parent[2];

	*s = (struct stage){.signer = -1};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, parent), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		const struct login login = {.client = client[1],
		        .peer = peer,
		        .parent = parent[1],
		        .rules = &rules,
		        .root = root,
		        .key = key};

		close(client[0]);
		close(parent[0]);
		login_serve(&login);
		_exit(0);
	}
	close(client[1]);
	close(parent[1]);
	s->client = client[0];
	s->parent = parent[0];
}

static void finish(struct stage *s)
{
	int status = 0;

	if (s->client >= 0)
		close(s->client);
	close(s->parent);
	if (s->signer >= 0)
		close(s->signer);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void begin(const struct stage *s, uint8_t stage, const char *user)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_u8(&b, stage);
	buffer_put_string(&b, service);
	buffer_put_string(&b, user);
	buffer_put_string(&b, "tty1");
	buffer_put_string(&b, "");
	assert_int_equal(frame_send(s->client, LOGIN_BEGIN, b.data, b.length, NULL, 0), 0);
}

/* What auth does: takes the question, gives a signer's channel and the state. */
static void give(struct stage *s, const char *user, enum worker_gift gift, int state_fd)
{
	uint8_t memory[512];
	char asked[LOGIN_NAME_MAX];
	uint8_t byte = (uint8_t)gift;
	struct frame frame;
	int pair[2];
	int fds[2];

	assert_int_equal(frame_receive(s->parent, WAIT_MS, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, WORKER_ASK);
	buffer_get_string(&frame.payload, asked, sizeof(asked));
	assert_int_equal(buffer_end(&frame.payload), 0);
	assert_string_equal(asked, user);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	s->signer = pair[0];
	fds[0] = pair[1];
	fds[1] = state_fd;
	assert_int_equal(
	        frame_send(s->parent, WORKER_GIVEN, &byte, 1, fds, gift == GIFT_NOTHING ? 0 : 2),
	        0);
	close(pair[1]);
}

/* What the signer does: takes an event, and says that it is durable. */
static void sign_one(struct stage *s)
{
	static uint8_t memory[FRAME_MAX];
	static struct event_record e;
	uint8_t done[12];
	struct buffer b = buffer_over(done, sizeof(done));
	struct frame frame;
	uint32_t id = 0;

	assert_int_equal(frame_receive(s->signer, WAIT_MS, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, MESSAGE_EVENT);
	id = buffer_get_u32(&frame.payload);
	assert_int_equal(event_decode(&frame.payload, &e), 0);
	assert_true(s->told_count < 8);
	s->told[s->told_count] = e.kind;
	for (size_t i = 0; i < e.count; i++)
		if (e.fields[i].field == FIELD_CAUSE)
			snprintf(s->causes[s->told_count], sizeof(s->causes[0]), "%s",
			        e.fields[i].value);
	s->told_count++;
	s->last = e;
	buffer_put_u32(&b, id);
	buffer_put_u64(&b, 1);
	assert_int_equal(frame_send(s->signer, MESSAGE_EVENT_DONE, done, sizeof(done), NULL, 0), 0);
}

static void receive_prompt(
        const struct stage *s, enum login_style style, char got[static LOGIN_TEXT_MAX])
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct frame frame;

	assert_int_equal(frame_receive(s->client, WAIT_MS, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, LOGIN_PROMPT);
	assert_int_equal(buffer_get_u8(&frame.payload), style);
	buffer_get_string(&frame.payload, got, LOGIN_TEXT_MAX);
	assert_int_equal(buffer_end(&frame.payload), 0);
}

static void expect_prompt(const struct stage *s, enum login_style style, const char *text)
{
	char got[LOGIN_TEXT_MAX];

	receive_prompt(s, style, got);
	assert_string_equal(got, text);
}

static int64_t answered_ms;

static void answer(const struct stage *s, const char *text)
{
	uint8_t memory[LOGIN_TEXT_MAX * 2];
	struct buffer b = buffer_over(memory, sizeof(memory));

	buffer_put_string(&b, text);
	answered_ms = clock_boot_ms();
	assert_int_equal(frame_send(s->client, LOGIN_ANSWER, b.data, b.length, NULL, 0), 0);
}

static void expect_result(const struct stage *s, enum login_result result)
{
	uint8_t memory[LOGIN_FRAME_MAX];
	struct frame frame;

	assert_int_equal(frame_receive(s->client, WAIT_MS, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, LOGIN_RESULT);
	assert_int_equal(buffer_get_u8(&frame.payload), result);
	assert_int_equal(buffer_end(&frame.payload), 0);
	assert_int_equal(
	        frame_receive(s->client, WAIT_MS, memory, sizeof(memory), &frame), ERR_CLOSED);
}

/* What auth does of it: has main note that the user is there. There is no token to stay with. */
static void expect_present(const struct stage *s)
{
	uint8_t memory[64];
	struct frame frame;

	assert_int_equal(frame_receive(s->parent, WAIT_MS, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, WORKER_PRESENT);
	assert_int_equal(frame.fd_count, 0);
	assert_int_equal(buffer_end(&frame.payload), 0);
	assert_int_equal(frame_send(s->parent, WORKER_NOTED, NULL, 0, NULL, 0), 0);
}

/* Has main watch the session of whoever is at the other end of the connection. */
static void expect_session(const struct stage *s)
{
	uint8_t memory[64];
	struct frame frame;

	assert_int_equal(frame_receive(s->parent, WAIT_MS, memory, sizeof(memory), &frame), 0);
	assert_int_equal(frame.type, WORKER_SESSION);
	assert_int_equal(frame.fd_count, 1);
	assert_int_equal(buffer_get_u32(&frame.payload), FIXTURE_UID);
	assert_int_equal(buffer_end(&frame.payload), 0);
	frame_close_fds(&frame);
}

static void ask_code(struct stage *s, const struct auth_file *file, const char *code)
{
	start(s, 0);
	begin(s, LOGIN_AUTHENTICATE, "hanako");
	give(s, "hanako", file->decoy ? GIFT_DECOY : GIFT_OWN, file->fd);
	expect_prompt(s, LOGIN_ECHO_OFF, "Verification code: ");
	answer(s, code);
	sign_one(s);
}

/* What a client says of its language, where it is; without a word, as ones before did. */
static void every_client_in_its_language(void **state)
{
	static const struct {
		const char *service;
		const char *tty;
		int said; /* -1: an older module */
		const char *own;
		const char *prompt;
	} cases[] = {
	        {"lightdm", ":0", LANGUAGE_JAPANESE, "C.UTF-8", "確認コード: "},
	        {"lightdm", ":0", LANGUAGE_NOT_SAID, "ja_JP.UTF-8", "確認コード: "},
	        {"lightdm", ":0", -1, "ja_JP.UTF-8", "確認コード: "},
	        {"gdm-password", "/dev/tty2", LANGUAGE_JAPANESE, "C", "確認コード: "},
	        {"sudo", "/dev/pts/0", LANGUAGE_JAPANESE, "C", "確認コード: "},
	        {"login", "ttyS0", LANGUAGE_NOT_SAID, "ja_JP.UTF-8", "確認コード: "},
	        {"lightdm", ":0", LANGUAGE_ENGLISH, "ja_JP.UTF-8", "Verification code: "},
	        {"lightdm", ":0", -1, "C", "Verification code: "},
	        {"login", "/dev/tty1", LANGUAGE_NOT_SAID, "ja_JP.UTF-8", "Verification code: "},
	        {"sudo", "tty1", LANGUAGE_JAPANESE, "ja_JP.UTF-8", "Verification code: "},
	};
	const struct auth_file file = fixture_file(*state);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t memory[LOGIN_FRAME_MAX];
		struct buffer b = buffer_over(memory, sizeof(memory));
		struct stage s;

		setenv("LC_ALL", cases[i].own, 1);
		start(&s, 0);
		setenv("LC_ALL", "C.UTF-8", 1);
		buffer_put_u8(&b, LOGIN_AUTHENTICATE);
		buffer_put_string(&b, cases[i].service);
		buffer_put_string(&b, "hanako");
		buffer_put_string(&b, cases[i].tty);
		buffer_put_string(&b, "");
		if (cases[i].said >= 0)
			buffer_put_u8(&b, (uint8_t)cases[i].said);
		assert_int_equal(frame_send(s.client, LOGIN_BEGIN, b.data, b.length, NULL, 0), 0);
		give(&s, "hanako", GIFT_OWN, file.fd);
		expect_prompt(&s, LOGIN_ECHO_OFF, cases[i].prompt);
		finish(&s);
	}
	close(file.fd);
}

static void code_now(char code[static OTP_CODE_SIZE])
{
	fixture_code(time(NULL), 0, code);
}

static void right_code(void **state)
{
	const struct auth_file file = fixture_file(*state);
	char code[OTP_CODE_SIZE];
	struct stage s;

	code_now(code);
	ask_code(&s, &file, code);
	expect_present(&s);
	expect_result(&s, LOGIN_SUCCESS);
	assert_int_equal(s.told[0], EVENT_LOGIN_ACCEPTED);
	finish(&s);
	ask_code(&s, &file, code);
	expect_prompt(
	        &s, LOGIN_ERROR, "This verification code has been used; wait for the next one.");
	expect_result(&s, LOGIN_AUTH_ERR);
	assert_int_equal(s.told[0], EVENT_LOGIN_REFUSED);
	assert_string_equal(s.causes[0], "code-used");
	finish(&s);
	close(file.fd);
}

/* How long it took to find out that a code is not right is nobody's to know. */
static void expect_refusal(const struct stage *s, const char *text)
{
	expect_prompt(s, LOGIN_ERROR, text);
	assert_true(clock_boot_ms() - answered_ms >= 99);
}

/* Before the last try, in case that it is the clock that is wrong. */
static void expect_clock(const struct stage *s)
{
	time_t now = time(NULL);
	char text[128];

	assert_true(strftime(text, sizeof(text),
	                    "Codes go by the clock; this terminal's says %Y-%m-%d, %H h.",
	                    localtime(&now)) > 0);
	expect_prompt(s, LOGIN_INFO, text);
}

/* The same for a user, and for a name that is not enrolled, to the letter. */
static void wrong_codes(const struct auth_file *file, const char *cause)
{
	struct stage s;

	for (unsigned left = 2; left > 0; left--) {
		char text[128];

		snprintf(text, sizeof(text),
		        "Wrong verification code; %u more and this user is locked.", left);
		ask_code(&s, file, "000000");
		if (left == 1)
			expect_clock(&s);
		expect_refusal(&s, text);
		expect_result(&s, LOGIN_AUTH_ERR);
		assert_string_equal(s.causes[0], cause);
		finish(&s);
	}
	ask_code(&s, file, "000000");
	if (!file->decoy)
		sign_one(&s);
	expect_refusal(&s, LOCKED);
	expect_result(&s, LOGIN_MAXTRIES);
	assert_int_equal(s.told[0], EVENT_LOGIN_REFUSED);
	assert_int_equal(s.told[1], file->decoy ? 0 : EVENT_LOGIN_LOCKED);
	finish(&s);
	ask_code(&s, file, "000000");
	expect_refusal(&s, LOCKED);
	expect_result(&s, LOGIN_MAXTRIES);
	assert_string_equal(s.causes[0], file->decoy ? cause : "locked");
	finish(&s);
}

static void wrong_codes_of_a_user(void **state)
{
	const struct auth_file file = fixture_file(*state);

	wrong_codes(&file, "wrong-code");
	close(file.fd);
}

static void wrong_codes_of_nobody(void **state)
{
	const struct auth_file file = fixture_decoy(*state);

	wrong_codes(&file, "not-enrolled");
	close(file.fd);
}

/* What only a name that is not enrolled costs is done after the prompt, not before. */
static void nobody_is_asked_as_soon(void **state)
{
	const struct auth_file decoy = fixture_decoy(*state);
	struct stat before;
	struct stat after;
	struct stage s;

	start(&s, 0);
	begin(&s, LOGIN_AUTHENTICATE, "hanako");
	give(&s, "hanako", GIFT_DECOY, decoy.fd);
	expect_prompt(&s, LOGIN_ECHO_OFF, "Verification code: ");
	assert_int_equal(fstat(decoy.fd, &before), 0);
	assert_int_equal(before.st_size, 0);
	answer(&s, "000000");
	sign_one(&s);
	expect_refusal(&s, "Wrong verification code; 2 more and this user is locked.");
	expect_result(&s, LOGIN_AUTH_ERR);
	finish(&s);
	/* The decoy's own key, and somewhere behind it the count. */
	assert_int_equal(fstat(decoy.fd, &after), 0);
	assert_true(after.st_size > AUTH_AREA_SIZE);
	close(decoy.fd);
}

static void give_voucher(const struct workspace *w, const struct auth_file *file,
        char code[static VOUCHER_CODE_SIZE])
{
	char path[sizeof(PATH_VOUCHER_DIR) + VOUCHER_MARK_SIZE];
	char name[VOUCHER_MARK_SIZE];
	struct voucher v = {0};
	struct auth_state s;
	int fd = -1;

	tzset();
	assert_int_equal(voucher_make(&v, code), 0);
	assert_int_equal(auth_state_read(file, &s), 0);
	s.voucher = (struct auth_voucher){.day = person_day_at(time(NULL))};
	memcpy(s.voucher.salt, v.salt, sizeof(v.salt));
	memcpy(s.voucher.hash, v.hash, sizeof(v.hash));
	assert_int_equal(auth_state_write(file, &s), 0);
	assert_int_equal(workspace_run(w, "mkdir -p " PATH_VOUCHER_DIR), 0);
	voucher_mark_print(s.voucher.day, "hanako", name);
	snprintf(path, sizeof(path), "%s/%s", PATH_VOUCHER_DIR, name);
	fd = openat(w->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static void voucher_lets_in_once(void **state)
{
	const struct workspace *w = *state;
	const struct auth_file file = fixture_file(w);
	char code[VOUCHER_CODE_SIZE];
	char grouped[32];
	struct stage s;

	root = w->fd;
	rules.voucher = true;
	give_voucher(w, &file, code);
	snprintf(grouped, sizeof(grouped), "%.4s %.4s  %.4s %.4s", code, code + 4, code + 8,
	        code + 12);
	ask_code(&s, &file, grouped);
	sign_one(&s);
	expect_present(&s);
	expect_result(&s, LOGIN_SUCCESS);
	assert_int_equal(s.told[0], EVENT_VOUCHER_USED);
	assert_int_equal(s.told[1], EVENT_LOGIN_ACCEPTED);
	finish(&s);
	ask_code(&s, &file, code);
	expect_prompt(&s, LOGIN_ERROR,
	        "This voucher has been used; ask for a new one if you need to log in again.");
	expect_result(&s, LOGIN_AUTH_ERR);
	assert_string_equal(s.causes[0], "code-used");
	finish(&s);
	rules.voucher = false;
	root = -1;
	close(file.fd);
}

/* The same for a user without a voucher, for one whose voucher ended, and for nobody. */
static void wrong_voucher(const struct auth_file *file, const char *code, const char *cause)
{
	struct stage s;

	ask_code(&s, file, code);
	expect_refusal(&s, "Wrong verification code; 2 more and this user is locked.");
	expect_result(&s, LOGIN_AUTH_ERR);
	assert_int_equal(s.told[0], EVENT_LOGIN_REFUSED);
	assert_string_equal(s.causes[0], cause);
	finish(&s);
	close(file->fd);
}

static void wrong_vouchers(void **state)
{
	const struct workspace *w = *state;
	struct auth_file file = fixture_file(w);
	char code[VOUCHER_CODE_SIZE];

	root = w->fd;
	rules.voucher = true;
	wrong_voucher(&file, "0123 4567 8901 2345", "wrong-code");
	file = fixture_decoy(w);
	wrong_voucher(&file, "0123 4567 8901 2345", "not-enrolled");
	file = fixture_file(w);
	give_voucher(w, &file, code);
	assert_int_equal(workspace_run(w, "rm " PATH_VOUCHER_DIR "/*.hanako"), 0);
	wrong_voucher(&file, code, "wrong-code");
	file = fixture_file(w);
	give_voucher(w, &file, code);
	rules.voucher = false;
	wrong_voucher(&file, code, "wrong-code");
	root = -1;
}

static void no_journal_no_login(void **state)
{
	const struct auth_file file = fixture_file(*state);
	char code[OTP_CODE_SIZE];
	struct stage s;

	code_now(code);
	start(&s, 0);
	begin(&s, LOGIN_AUTHENTICATE, "hanako");
	give(&s, "hanako", GIFT_OWN, file.fd);
	close(s.signer);
	s.signer = -1;
	expect_prompt(&s, LOGIN_ECHO_OFF, "Verification code: ");
	answer(&s, code);
	expect_prompt(&s, LOGIN_ERROR,
	        "This login cannot be recorded, so it is refused; ask the administrator.");
	expect_result(&s, LOGIN_UNAVAILABLE);
	finish(&s);
	close(file.fd);
}

static void nothing_given_is_unavailable(void **state)
{
	struct stage s;

	(void)state;
	for (unsigned stage = LOGIN_AUTHENTICATE; stage <= LOGIN_PASSWORD; stage++) {
		start(&s, 0);
		begin(&s, (uint8_t)stage, "hanako");
		give(&s, "hanako", GIFT_NOTHING, -1);
		if (stage == LOGIN_AUTHENTICATE)
			expect_prompt(&s, LOGIN_ERROR,
			        "Logins cannot be checked just now; try again in a moment.");
		expect_result(&s, LOGIN_UNAVAILABLE);
		finish(&s);
	}
}

static void damaged_state_is_unavailable(void **state)
{
	struct workspace *w = *state;
	const struct auth_file file = fixture_file(w);
	char code[OTP_CODE_SIZE];
	struct stage s;

	assert_int_equal(ftruncate(file.fd, 100), 0);
	code_now(code);
	ask_code(&s, &file, code);
	expect_prompt(&s, LOGIN_ERROR,
	        "What is enrolled for this user cannot be read; ask the administrator.");
	expect_result(&s, LOGIN_UNAVAILABLE);
	assert_string_equal(s.causes[0], "state-unusable");
	finish(&s);
	close(file.fd);
}

static void a_user_asks_for_himself_only(void **state)
{
	const struct auth_file file = fixture_file(*state);
	const struct auth_file decoy = fixture_decoy(*state);
	char code[OTP_CODE_SIZE];
	struct stage s;

	start(&s, FIXTURE_UID + 1);
	begin(&s, LOGIN_AUTHENTICATE, "hanako");
	give(&s, "hanako", GIFT_OWN, file.fd);
	sign_one(&s);
	expect_result(&s, LOGIN_AUTH_ERR);
	assert_string_equal(s.causes[0], "not-the-user");
	finish(&s);
	start(&s, FIXTURE_UID);
	begin(&s, LOGIN_AUTHENTICATE, "nobody");
	give(&s, "nobody", GIFT_DECOY, decoy.fd);
	sign_one(&s);
	expect_result(&s, LOGIN_AUTH_ERR);
	finish(&s);
	code_now(code);
	start(&s, FIXTURE_UID);
	begin(&s, LOGIN_AUTHENTICATE, "hanako");
	give(&s, "hanako", GIFT_OWN, file.fd);
	expect_prompt(&s, LOGIN_ECHO_OFF, "Verification code: ");
	answer(&s, code);
	sign_one(&s);
	expect_present(&s);
	expect_result(&s, LOGIN_SUCCESS);
	finish(&s);
	close(decoy.fd);
	close(file.fd);
}

static void run_stage(const struct auth_file *file, uid_t peer, uint8_t stage, uint16_t event,
        enum login_result result)
{
	struct stage s;

	start(&s, peer);
	begin(&s, stage, "hanako");
	give(&s, "hanako", file->decoy ? GIFT_DECOY : GIFT_OWN, file->fd);
	if (event != 0)
		sign_one(&s);
	if (event == EVENT_SESSION_OPENED)
		expect_session(&s);
	expect_result(&s, result);
	assert_int_equal(s.told[0], event);
	finish(&s);
}

static void refused_for(const struct auth_file *file, uid_t peer, uint8_t stage, const char *cause,
        const char *said, enum login_result result)
{
	struct stage s;

	start(&s, peer);
	begin(&s, stage, "hanako");
	give(&s, "hanako", GIFT_OWN, file->fd);
	if (stage == LOGIN_AUTHENTICATE) {
		char code[OTP_CODE_SIZE];

		code_now(code);
		expect_prompt(&s, LOGIN_ECHO_OFF, "Verification code: ");
		answer(&s, code);
	}
	sign_one(&s);
	assert_int_equal(s.told[0], EVENT_LOGIN_REFUSED);
	assert_string_equal(s.causes[0], cause);
	expect_prompt(&s, LOGIN_ERROR, said);
	expect_result(&s, result);
	finish(&s);
}

static void other_stages(void **state)
{
	const struct auth_file file = fixture_file(*state);
	const struct auth_file decoy = fixture_decoy(*state);
	struct auth_state locked;

	run_stage(&file, 0, LOGIN_ACCOUNT, 0, LOGIN_SUCCESS);
	run_stage(&file, 0, LOGIN_PASSWORD, 0, LOGIN_SUCCESS);
	run_stage(&decoy, 0, LOGIN_ACCOUNT, 0, LOGIN_SUCCESS);
	run_stage(&file, 0, LOGIN_SESSION_OPEN, EVENT_SESSION_OPENED, LOGIN_SUCCESS);
	run_stage(&file, 0, LOGIN_SESSION_CLOSE, EVENT_SESSION_CLOSED, LOGIN_SUCCESS);
	run_stage(&file, FIXTURE_UID, LOGIN_SESSION_OPEN, EVENT_LOGIN_REFUSED, LOGIN_PERM_DENIED);
	run_stage(&file, FIXTURE_UID, LOGIN_SESSION_CLOSE, EVENT_LOGIN_REFUSED, LOGIN_PERM_DENIED);
	run_stage(&file, 0, 0, 0, LOGIN_UNAVAILABLE);
	run_stage(&file, 0, LOGIN_PASSWORD + 1, 0, LOGIN_UNAVAILABLE);
	assert_int_equal(auth_state_read(&file, &locked), 0);
	locked.locked = true;
	assert_int_equal(auth_state_write(&file, &locked), 0);
	refused_for(&file, 0, LOGIN_ACCOUNT, "locked", LOCKED, LOGIN_PERM_DENIED);
	refused_for(&file, 0, LOGIN_PASSWORD, "locked", LOCKED, LOGIN_PERM_DENIED);
	run_stage(&file, 0, LOGIN_SESSION_CLOSE, EVENT_SESSION_CLOSED, LOGIN_SUCCESS);
	close(decoy.fd);
	close(file.fd);
}

static void set_person(const struct auth_file *file, enum person_class class, int first, int last)
{
	int32_t today = (int32_t)(time(NULL) / 86400);
	struct auth_state s;

	assert_int_equal(auth_state_read(file, &s), 0);
	s.person = (struct auth_person){
	        class, first != 0 ? today + first : 0, last != 0 ? today + last : 0};
	assert_int_equal(auth_state_write(file, &s), 0);
}

/* The terminal's clock is the test's: UTC. A day on either side, so that a midnight in between does
 * not matter. */
static void out_of_their_days(void **state)
{
	static const char undated[] =
	        "No period of use is registered for you; ask the administrator to do it.";
	static const uint8_t stages[] = {LOGIN_AUTHENTICATE, LOGIN_ACCOUNT, LOGIN_PASSWORD};
	int32_t today = (int32_t)(time(NULL) / 86400);
	char early[128];
	char ended[128];
	char day[PERSON_DAY_SIZE];

	person_day_print(today + 2, day);
	snprintf(early, sizeof(early), "You may use this terminal from %s.", day);
	person_day_print(today - 2, day);
	snprintf(ended, sizeof(ended),
	        "You could use this terminal until %s; the administrator can extend it.", day);
	for (size_t i = 0; i < sizeof(stages); i++) {
		uint8_t stage = stages[i];
		enum login_result result =
		        stage == LOGIN_AUTHENTICATE ? LOGIN_AUTH_ERR : LOGIN_ACCT_EXPIRED;
		struct auth_file file = {.fd = -1};

		file = fixture_file(*state);
		set_person(&file, PERSON_PERSONNEL, 2, 0);
		refused_for(&file, 0, stage, "before-first-day", early, result);
		close(file.fd);
		file = fixture_file(*state);
		set_person(&file, PERSON_UNNAMED, 0, -2);
		refused_for(&file, 0, stage, "after-last-day", ended, result);
		close(file.fd);
		file = fixture_file(*state);
		set_person(&file, PERSON_CONTRACTOR, -2, 0);
		refused_for(&file, 0, stage, "no-last-day", undated, result);
		set_person(&file, PERSON_CONTRACTOR, -2, 2);
		run_stage(&file, 0, LOGIN_ACCOUNT, 0, LOGIN_SUCCESS);
		close(file.fd);
	}
}

/* Three wrong codes for root do not stop what cron runs for him, and its sessions are nobody's. */
static void unattended_services(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state locked;
	char day[PERSON_DAY_SIZE];
	char ended[128];

	services_unattended_default(&rules.unattended);
	assert_int_equal(auth_state_read(&file, &locked), 0);
	locked.locked = true;
	assert_int_equal(auth_state_write(&file, &locked), 0);
	service = "cron";
	run_stage(&file, 0, LOGIN_ACCOUNT, 0, LOGIN_SUCCESS);
	run_stage(&file, 0, LOGIN_SESSION_OPEN, 0, LOGIN_SUCCESS);
	run_stage(&file, 0, LOGIN_SESSION_CLOSE, 0, LOGIN_SUCCESS);
	refused_for(&file, FIXTURE_UID, LOGIN_ACCOUNT, "locked", LOCKED, LOGIN_PERM_DENIED);
	set_person(&file, PERSON_TEMPORARY, 0, -2);
	person_day_print((int32_t)(time(NULL) / 86400) - 2, day);
	snprintf(ended, sizeof(ended),
	        "You could use this terminal until %s; the administrator can extend it.", day);
	refused_for(&file, 0, LOGIN_ACCOUNT, "after-last-day", ended, LOGIN_ACCT_EXPIRED);
	service = "cron2";
	set_person(&file, PERSON_TEMPORARY, 0, 2);
	refused_for(&file, 0, LOGIN_ACCOUNT, "locked", LOCKED, LOGIN_PERM_DENIED);
	run_stage(&file, 0, LOGIN_SESSION_OPEN, EVENT_SESSION_OPENED, LOGIN_SUCCESS);
	service = "login";
	rules.unattended.count = 0;
	close(file.fd);
}

static const char *value_of(const struct event_record *e, uint16_t field)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->fields[i].field == field)
			return e->fields[i].value;
	return "";
}

static void open_session(struct stage *s, const struct auth_file *file)
{
	start(s, 0);
	begin(s, LOGIN_SESSION_OPEN, "hanako");
	give(s, "hanako", GIFT_OWN, file->fd);
	sign_one(s);
}

static void session_tells_token_and_last_login(void **state)
{
	const struct auth_file file = fixture_file(*state);
	char expected[64];
	time_t first = 0;
	char code[OTP_CODE_SIZE];
	struct auth_state after;
	struct stage s;

	set_person(&file, PERSON_CONTRACTOR, 0, 2);
	code_now(code);
	ask_code(&s, &file, code);
	expect_present(&s);
	expect_result(&s, LOGIN_SUCCESS);
	finish(&s);
	open_session(&s, &file);
	assert_string_equal(value_of(&s.last, FIELD_FACTOR), "totp");
	assert_string_equal(value_of(&s.last, FIELD_TOKEN), "1");
	assert_string_equal(value_of(&s.last, FIELD_PERSON_CLASS), "contractor");
	assert_string_equal(value_of(&s.last, FIELD_TTY), "tty1");
	expect_session(&s);
	expect_result(&s, LOGIN_SUCCESS); /* there was no login before */
	finish(&s);
	assert_int_equal(auth_state_read(&file, &after), 0);
	assert_string_equal(after.visit.service, "login");
	first = (time_t)after.visit.at;
	assert_true(strftime(expected, sizeof(expected), "Last login: %Y-%m-%d %H:%M tty1 (login)",
	                    localtime(&first)) > 0);
	open_session(&s, &file); /* without a token: as when root becomes somebody */
	assert_string_equal(value_of(&s.last, FIELD_TOKEN), "");
	expect_prompt(&s, LOGIN_INFO, expected);
	expect_session(&s);
	expect_result(&s, LOGIN_SUCCESS);
	finish(&s);
	close(file.fd);
}

/* No word is said to a client that breaks the protocol. */
static void malformed_begin_ends_it(void **state)
{
	static const struct {
		uint16_t type;
		size_t length;
	} cases[] = {{LOGIN_BEGIN, 0}, {LOGIN_BEGIN, 1}, {LOGIN_ANSWER, 4}, {0xffff, 0},
	        {LOGIN_BEGIN, 64}};
	static const uint8_t noise[64] = {LOGIN_AUTHENTICATE, 0xff, 0xff};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t memory[LOGIN_FRAME_MAX];
		struct frame frame;
		struct stage s;

		start(&s, 0);
		assert_int_equal(
		        frame_send(s.client, cases[i].type, noise, cases[i].length, NULL, 0), 0);
		assert_int_equal(frame_receive(s.client, WAIT_MS, memory, sizeof(memory), &frame),
		        ERR_CLOSED);
		finish(&s);
	}
}

static void instead_of_an_answer(void **state)
{
	const struct auth_file file = fixture_file(*state);
	struct auth_state after;
	struct stage s;

	start(&s, 0);
	begin(&s, LOGIN_AUTHENTICATE, "hanako");
	give(&s, "hanako", GIFT_OWN, file.fd);
	expect_prompt(&s, LOGIN_ECHO_OFF, "Verification code: ");
	begin(&s, LOGIN_AUTHENTICATE, "hanako");
	sign_one(&s);
	expect_result(&s, LOGIN_UNAVAILABLE);
	assert_int_equal(s.told[0], EVENT_LOGIN_REFUSED);
	assert_string_equal(s.causes[0], "no-answer");
	finish(&s);
	start(&s, 0);
	begin(&s, LOGIN_AUTHENTICATE, "hanako");
	give(&s, "hanako", GIFT_OWN, file.fd);
	expect_prompt(&s, LOGIN_ECHO_OFF, "Verification code: ");
	close(s.client); /* which is an attempt, too */
	sign_one(&s);
	assert_int_equal(s.told[0], EVENT_LOGIN_REFUSED);
	assert_string_equal(s.causes[0], "no-answer");
	s.client = -1;
	finish(&s);
	assert_int_equal(auth_state_read(&file, &after), 0);
	assert_int_equal(after.failures, 0);
	assert_int_equal(after.generation, 1);
	close(file.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                every_client_in_its_language, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(right_code, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                wrong_codes_of_a_user, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                wrong_codes_of_nobody, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                nobody_is_asked_as_soon, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                voucher_lets_in_once, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                wrong_vouchers, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                no_journal_no_login, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(nothing_given_is_unavailable),
	        cmocka_unit_test_setup_teardown(
	                damaged_state_is_unavailable, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_user_asks_for_himself_only, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                other_stages, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                unattended_services, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                out_of_their_days, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test_setup_teardown(
	                session_tells_token_and_last_login, workspace_set_up, workspace_tear_down),
	        cmocka_unit_test(malformed_begin_ends_it),
	        cmocka_unit_test_setup_teardown(
	                instead_of_an_answer, workspace_set_up, workspace_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

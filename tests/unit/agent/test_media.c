#include "agent/media.h"
#include "tests/unit/agent/guard_world.h"

/* A stick "1-2" with a disk and a partition on it, behind a hub "1-1" another one. */
struct desk {
	struct workspace *w;
	struct world world;
	struct channel channel;
	struct media media;
};

static void block_make(struct workspace *w, const char *path, const char *name, unsigned minor)
{
	char command[512];

	snprintf(command, sizeof(command),
	        "d=devices/usb1/%s; mkdir -p $d/bdi class/block && echo 8:%u >$d/dev && : "
	        ">$d/bdi/uevent && "
	        "ln -sfn ../../$d class/block/%s",
	        path, minor, name);
	assert_int_equal(workspace_run(w, command), 0);
}

static void tell(void *context, const struct event_record *event)
{
	assert_int_equal(channel_event(context, event), 0);
}

static int set_up(void **state)
{
	static struct desk desk; /* large */

	if (workspace_set_up(state) != 0)
		return -1;
	memset(&desk, 0, sizeof(desk));
	desk.w = *state;
	block_make(desk.w, "1-2/1-2:1.0/block/sdb", "sdb", 16);
	block_make(desk.w, "1-2/1-2:1.0/block/sdb/sdb1", "sdb1", 17);
	block_make(desk.w, "1-1/1-1.2/1-1.2:1.0/block/sdc", "sdc", 32);
	assert_int_equal(workspace_run(desk.w, "mkdir -p run/sekisho-media"), 0);
	world_start(&desk.world, desk.w->fd, desk.w->fd, &desk.channel);
	desk.media.channel = &desk.channel;
	desk.media.tell = tell;
	desk.media.tell_context = &desk.channel;
	desk.media.sys = desk.w->fd;
	desk.media.run =
	        openat(desk.w->fd, "run/sekisho-media", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(desk.media.run >= 0);
	*state = &desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	world_end(&desk->world, &desk->channel);
	close(desk->media.run);
	*state = desk->w;
	return workspace_tear_down(state);
}

static bool is_ordered(struct desk *desk, const char *name, enum treatment treatment)
{
	struct medium_order order;

	return medium_order_read(desk->media.run, name, &order) == 0 &&
	       order.treatment == treatment;
}

/* What `medium` says. */
static void say(struct desk *desk, const char *name, enum medium_result result)
{
	const struct medium_status status = {.result = result};

	assert_int_equal(medium_status_write(desk->media.run, name, &status), 0);
}

/* The stick with both its block devices open. */
static void let_in(struct desk *desk, enum treatment treatment)
{
	media_expect(&desk->media, "1-2", treatment);
	assert_int_equal(media_wait_ms(&desk->media), 0);
	assert_false(media_serve(&desk->media));
	say(desk, "sdb", MEDIUM_OPENED);
	say(desk, "sdb1", MEDIUM_OPENED);
	assert_false(media_serve(&desk->media));
	assert_int_equal(media_wait_ms(&desk->media), -1);
}

static void what_is_expected_is_opened(void **state)
{
	struct desk *desk = *state;

	let_in(desk, TREATMENT_IMPORT);
	assert_true(is_ordered(desk, "sdb", TREATMENT_IMPORT));
	assert_true(is_ordered(desk, "sdb1", TREATMENT_IMPORT));
	assert_false(is_ordered(desk, "sdc", TREATMENT_IMPORT));
	assert_int_not_equal(world_noted(&desk->world, "event medium.opened 1-2"), 0);
	assert_null(media_failed(&desk->media, "1-2"));
}

/* "1-1" is the hub, "1-1.2" the stick; "-1.2" and "1-1.2:1" are nobody. */
static void the_nearest_device_counts(void **state)
{
	struct desk *desk = *state;

	media_expect(&desk->media, "-1.2", TREATMENT_ALLOW);
	media_expect(&desk->media, "1-1.2:1", TREATMENT_ALLOW);
	media_appeared(&desk->media, "sdc");
	assert_false(is_ordered(desk, "sdc", TREATMENT_ALLOW));
	media_expect(&desk->media, "1-1.2", TREATMENT_EXPORT);
	media_expect(&desk->media, "1-1", TREATMENT_ALLOW);
	media_appeared(&desk->media, "sdc");
	assert_true(is_ordered(desk, "sdc", TREATMENT_EXPORT));
}

static void what_was_closed_first_stays_closed(void **state)
{
	struct desk *desk = *state;

	let_in(desk, TREATMENT_IMPORT);
	assert_true(media_close(&desk->media, "1-2", TREATMENT_DENY));
	assert_false(is_ordered(desk, "sdb", TREATMENT_IMPORT));
	assert_false(is_ordered(desk, "sdb1", TREATMENT_IMPORT));
	say(desk, "sdb", MEDIUM_CLOSED);
	assert_true(media_serve(&desk->media));
	assert_true(media_close(&desk->media, "1-2", TREATMENT_DENY));
	assert_false(media_serve(&desk->media));
	assert_false(is_ordered(desk, "sdb", TREATMENT_IMPORT));
	assert_int_not_equal(media_wait_ms(&desk->media), 0); /* no busy loop */
	say(desk, "sdb1", MEDIUM_CLOSED);
	assert_true(media_serve(&desk->media));
	assert_false(media_close(&desk->media, "1-2", TREATMENT_DENY));
	media_expect(&desk->media, "1-2", TREATMENT_DENY);
	assert_false(media_serve(&desk->media));
	assert_false(is_ordered(desk, "sdb", TREATMENT_IMPORT));
	assert_int_equal(desk->media.count, 0);
	assert_int_not_equal(world_noted(&desk->world, "event medium.closed 1-2"), 0);
}

static void a_hub_takes_what_hangs_on_it(void **state)
{
	struct desk *desk = *state;

	media_expect(&desk->media, "1-1.2", TREATMENT_ALLOW);
	media_appeared(&desk->media, "sdc");
	say(desk, "sdc", MEDIUM_OPENED);
	assert_false(media_serve(&desk->media));
	assert_false(media_close(&desk->media, "1-1", TREATMENT_ALLOW));
	assert_true(media_close(&desk->media, "1-1", TREATMENT_DENY));
	assert_false(is_ordered(desk, "sdc", TREATMENT_ALLOW));
}

static void another_treatment_closes_first(void **state)
{
	struct desk *desk = *state;

	let_in(desk, TREATMENT_IMPORT);
	assert_false(media_close(&desk->media, "1-2", TREATMENT_IMPORT));
	assert_true(media_close(&desk->media, "1-2", TREATMENT_EXPORT));
	say(desk, "sdb", MEDIUM_CLOSED);
	say(desk, "sdb1", MEDIUM_FORCED);
	assert_true(media_serve(&desk->media));
	assert_false(media_close(&desk->media, "1-2", TREATMENT_EXPORT));
	let_in(desk, TREATMENT_EXPORT);
	assert_true(is_ordered(desk, "sdb1", TREATMENT_EXPORT));
}

static void what_does_not_close_is_given_up(void **state)
{
	struct desk *desk = *state;

	let_in(desk, TREATMENT_EXPORT);
	assert_true(media_close(&desk->media, "1-2", TREATMENT_DENY));
	assert_false(media_serve(&desk->media));
	for (size_t i = 0; i < desk->media.count; i++)
		desk->media.media[i].deadline_ms = 0;
	assert_true(media_serve(&desk->media));
	assert_false(media_close(&desk->media, "1-2", TREATMENT_DENY));
	assert_int_not_equal(world_noted(&desk->world, "event medium.closed 1-2 timeout"), 0);
}

/* status NULL: `medium` says nothing. */
static void fail_to_open(struct desk *desk, const enum medium_result *status)
{
	media_expect(&desk->media, "1-2", TREATMENT_IMPORT);
	assert_false(media_serve(&desk->media));
	if (status != NULL)
		say(desk, "sdb", *status);
	else
		desk->media.media[0].deadline_ms = desk->media.media[1].deadline_ms = 0;
	assert_true(media_serve(&desk->media));
	assert_non_null(media_failed(&desk->media, "1-2"));
	assert_true(media_close(&desk->media, "1-2", TREATMENT_DENY));
	say(desk, "sdb", MEDIUM_CLOSED);
	say(desk, "sdb1", MEDIUM_CLOSED);
	assert_true(media_serve(&desk->media));
	assert_false(media_close(&desk->media, "1-2", TREATMENT_DENY));
	assert_false(media_serve(&desk->media));
	assert_int_equal(desk->media.count, 0); /* not tried again */
	assert_non_null(media_failed(&desk->media, "1-2"));
}

static void what_cannot_be_opened_fails_its_device(void **state)
{
	const enum medium_result failed = MEDIUM_FAILED;
	struct desk *desk = *state;

	fail_to_open(desk, &failed);
	assert_int_not_equal(world_noted(&desk->world, "event medium.failed 1-2"), 0);
	media_expect(&desk->media, "1-2", TREATMENT_DENY);
	media_expect(&desk->media, "1-2", TREATMENT_IMPORT);
	assert_null(media_failed(&desk->media, "1-2"));
}

static void what_does_not_open_in_time_fails_its_device(void **state)
{
	struct desk *desk = *state;

	fail_to_open(desk, NULL);
	assert_int_not_equal(world_noted(&desk->world, "event medium.failed 1-2 timeout"), 0);
}

static void orders_of_before_stand_until_judged(void **state)
{
	const struct medium_order order = {TREATMENT_IMPORT, 8, 16};
	const struct medium_order gone = {TREATMENT_IMPORT, 8, 99};
	struct desk *desk = *state;

	assert_int_equal(medium_order_write(desk->media.run, "sdb", &order), 0);
	assert_int_equal(medium_order_write(desk->media.run, "sdq", &gone), 0);
	media_look(&desk->media);
	assert_true(is_ordered(desk, "sdb", TREATMENT_IMPORT));
	assert_false(is_ordered(desk, "sdq", TREATMENT_IMPORT));
	media_expect(&desk->media, "1-2", TREATMENT_IMPORT);
	assert_false(media_close(&desk->media, "1-2", TREATMENT_IMPORT));
	assert_true(media_close(&desk->media, "1-2", TREATMENT_DENY));
	assert_false(is_ordered(desk, "sdb", TREATMENT_IMPORT));
}

static void a_late_removal_takes_nothing_back(void **state)
{
	struct desk *desk = *state;

	let_in(desk, TREATMENT_ALLOW);
	media_removed(&desk->media, "sdb");
	assert_true(is_ordered(desk, "sdb", TREATMENT_ALLOW));
	assert_int_equal(workspace_run(desk->w, "rm class/block/sdb1"), 0);
	media_removed(&desk->media, "sdb1");
	assert_false(is_ordered(desk, "sdb1", TREATMENT_ALLOW));
	block_make(desk->w, "1-1/1-1.2/1-1.2:1.0/block/sdb", "sdb", 16);
	media_removed(&desk->media, "sdb");
	assert_false(is_ordered(desk, "sdb", TREATMENT_ALLOW));
}

/* The table of partitions was written anew: sdb1 is another sdb1 now, whichever uevent is heard. */
static void a_partition_that_comes_anew_is_opened_anew(void **state)
{
	static void (*const heard[])(struct media *, const char *) = {
	        media_removed, media_appeared};
	struct desk *desk = *state;

	let_in(desk, TREATMENT_ALLOW);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(workspace_run(desk->w, "d=devices/usb1/1-2/1-2:1.0/block/sdb; "
		                                        "cp -r $d/sdb1 $d/new && mv $d/sdb1 old && "
		                                        "mv $d/new $d/sdb1 && rm -r old"),
		        0);
		heard[i](&desk->media, "sdb1");
		assert_false(is_ordered(desk, "sdb1", TREATMENT_ALLOW));
		assert_true(is_ordered(desk, "sdb", TREATMENT_ALLOW));
		say(desk, "sdb1", MEDIUM_CLOSED);
		assert_true(media_serve(&desk->media));
		assert_false(media_serve(&desk->media));
		assert_true(is_ordered(desk, "sdb1", TREATMENT_ALLOW));
		say(desk, "sdb1", MEDIUM_OPENED);
		assert_false(media_serve(&desk->media));
		heard[i](&desk->media, "sdb1");
		assert_true(is_ordered(desk, "sdb1", TREATMENT_ALLOW));
	}
}

static void one_too_many_fails_its_device(void **state)
{
	struct desk *desk = *state;

	desk->media.count = MEDIA_MAX; /* somebody else's */
	media_expect(&desk->media, "1-2", TREATMENT_IMPORT);
	media_appeared(&desk->media, "sdb");
	assert_false(is_ordered(desk, "sdb", TREATMENT_IMPORT));
	assert_non_null(media_failed(&desk->media, "1-2"));
	assert_int_not_equal(
	        world_noted(&desk->world, "event medium.failed 1-2 too many media"), 0);
}

static void observing_orders_nothing(void **state)
{
	struct desk *desk = *state;

	desk->media.observe = true;
	media_expect(&desk->media, "1-2", TREATMENT_ALLOW);
	assert_false(media_serve(&desk->media));
	media_appeared(&desk->media, "sdb");
	assert_int_equal(desk->media.count, 0);
	assert_false(is_ordered(desk, "sdb", TREATMENT_ALLOW));
}

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        DESK_TEST(what_is_expected_is_opened),
	        DESK_TEST(the_nearest_device_counts),
	        DESK_TEST(what_was_closed_first_stays_closed),
	        DESK_TEST(a_hub_takes_what_hangs_on_it),
	        DESK_TEST(another_treatment_closes_first),
	        DESK_TEST(what_does_not_close_is_given_up),
	        DESK_TEST(what_cannot_be_opened_fails_its_device),
	        DESK_TEST(what_does_not_open_in_time_fails_its_device),
	        DESK_TEST(orders_of_before_stand_until_judged),
	        DESK_TEST(a_late_removal_takes_nothing_back),
	        DESK_TEST(a_partition_that_comes_anew_is_opened_anew),
	        DESK_TEST(one_too_many_fails_its_device),
	        DESK_TEST(observing_orders_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

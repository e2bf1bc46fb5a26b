#include "collector/connection.h"

#include "tests/unit/cmocka_all.h"

static void count_room(void *context)
{
	(*(int *)context)++;
}

static void test_list(void **state)
{
	struct connection_list list;
	int room = 0;

	(void)state;
	connection_list_start(&list, 2, count_room, &room);
	struct connection *first = connection_new(&list);
	struct connection *second = connection_new(&list);
	assert_int_equal(list.count, 2);
	assert_ptr_equal(connection_find_stranger(&list), first); /* the oldest */
	first->channel.terminal = 5;
	assert_ptr_equal(connection_find_stranger(&list), second);
	assert_true(connection_is_bound(&list, 5));
	assert_false(connection_is_bound(&list, 6));
	assert_null(connection_find_waiting(&list, 5));
	first->waiting = (struct evhttp_request *)&room; /* any address */
	assert_ptr_equal(connection_find_waiting(&list, 5), first);
	assert_null(connection_find_waiting(&list, 6));
	second->channel.terminal = 5;
	assert_null(connection_find_stranger(&list));
	second->waiting = first->waiting;
	assert_ptr_equal(connection_find_waiting(&list, 5), second); /* the newest */
	connection_free(second);
	assert_int_equal(room, 1); /* it was full */
	connection_free(first);
	assert_int_equal(room, 1); /* it was not */
	connection_free(NULL);
	assert_int_equal(list.count, 0);
}

/* libevent frees connections after the server that had the list is gone. */
static void test_outlives_its_list(void **state)
{
	struct connection_list *list = calloc(1, sizeof(*list));
	int room = 0;

	(void)state;
	assert_non_null(list);
	connection_list_start(list, 2, count_room, &room);
	struct connection *first = connection_new(list);
	struct connection *second = connection_new(list);
	connection_list_stop(list);
	assert_int_equal(list->count, 0);
	free(list);
	connection_free(first);
	connection_free(second);
	assert_int_equal(room, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_list),
	        cmocka_unit_test(test_outlives_its_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

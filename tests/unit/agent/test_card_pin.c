#include "agent/card_pin.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static void which_pins_are_not_tried(void **state)
{
	char longest[CARD_PIN_MAX];
	char too_long[CARD_PIN_MAX + 1];

	(void)state;
	memset(longest, '1', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	memset(too_long, '1', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	assert_null(card_pin_fault(CARD_OF_OFFICE, "1"));
	assert_null(card_pin_fault(CARD_OF_OFFICE, longest));
	assert_non_null(card_pin_fault(CARD_OF_OFFICE, ""));
	assert_non_null(card_pin_fault(CARD_OF_OFFICE, too_long));
}

static void a_my_number_pin_has_four_digits(void **state)
{
	static const char *const wrong[] = {
	        "", "123", "12345", "123a", "ABC123", "１２３４", " 1234", "1234 "};

	(void)state;
	assert_null(card_pin_fault(CARD_MY_NUMBER, "0000"));
	assert_null(card_pin_fault(CARD_MY_NUMBER, "1234"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(card_pin_fault(CARD_MY_NUMBER, wrong[i]));
}

static void tries_are_told_as_far_as_they_are_known(void **state)
{
	(void)state;
	for (enum card_kind kind = CARD_OF_OFFICE; kind <= CARD_MY_NUMBER; kind++) {
		assert_null(card_pin_warning(kind, CARD_TRIES_ALL));
		assert_non_null(card_pin_warning(kind, CARD_TRIES_FEW));
		assert_non_null(card_pin_warning(kind, CARD_TRIES_LAST));
		assert_string_equal(card_pin_left(kind, CARD_TRIES_ALL), "");
		assert_string_equal(card_pin_left(kind, CARD_TRIES_NONE), card_pin_locked(kind));
	}
	assert_non_null(strstr(card_pin_left(CARD_MY_NUMBER, CARD_TRIES_FEW), "Two"));
	assert_null(strstr(card_pin_left(CARD_OF_OFFICE, CARD_TRIES_FEW), "Two"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(which_pins_are_not_tried),
	        cmocka_unit_test(a_my_number_pin_has_four_digits),
	        cmocka_unit_test(tries_are_told_as_far_as_they_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

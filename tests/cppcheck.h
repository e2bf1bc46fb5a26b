/* For tests/lint.sh: macros of libraries whose headers cppcheck does not read, in a shape it can
 * read. */
#define SEKISHO_VERSION ""
#define SEC(name)
#define json_array_foreach(array, index, value)                                                    \
	for ((index) = 0; ((value) = json_array_get(array, index)) != 0; (index)++)
#define json_object_foreach(object, key, value)                                                    \
	for (void *at = json_object_iter(object);                                                  \
	        at != 0 && ((key) = json_object_iter_key(at)) != 0 &&                              \
	        ((value) = json_object_iter_value(at)) != 0;                                       \
	        at = json_object_iter_next(object, at))

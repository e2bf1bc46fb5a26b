# Every target links sekisho_hardening: what a privileged program on Debian 12 is compiled with.
add_library(sekisho_hardening INTERFACE)
target_compile_options(sekisho_hardening INTERFACE
	-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
	-Wformat=2 -Wvla -Wwrite-strings -Wundef
	-fstack-protector-strong -ftrivial-auto-var-init=zero -fno-common
	-fstack-clash-protection -fcf-protection=full)
target_link_options(sekisho_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack,-z,defs,--as-needed)

if(SEKISHO_SANITIZE)
	# FORTIFY hides what ASan would say, and ASan needs its own undefined symbols.
	target_compile_options(sekisho_hardening INTERFACE
		-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(sekisho_hardening INTERFACE -fsanitize=address,undefined -Wl,-z,undefs)
else()
	target_compile_options(sekisho_hardening INTERFACE
		$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()

if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
	target_compile_options(sekisho_hardening INTERFACE
		$<$<VERSION_LESS:${CMAKE_C_COMPILER_VERSION},16>:-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang>)
endif()

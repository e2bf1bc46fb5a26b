#!/usr/bin/env bash
# check_module.sh MODULE: exports the six entry points and nothing else; links libpam and the C library alone.
set -eu
module=$1
failed=0

wanted="pam_sm_acct_mgmt pam_sm_authenticate pam_sm_chauthtok pam_sm_close_session pam_sm_open_session pam_sm_setcred"
exported=$(nm -D --defined-only "$module" | awk '{print $3}' | LC_ALL=C sort | paste -sd ' ')
if [ "$exported" != "$wanted" ]; then
	echo "$module exports: $exported" >&2
	failed=1
fi
needed=$(readelf -d "$module" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for library in $needed; do
	case $library in
	libpam.so.0 | libc.so.6 | libasan.so.* | libubsan.so.*) ;;
	*)
		echo "$module links $library" >&2
		failed=1
		;;
	esac
done
case $needed in
*libpam.so.0*) ;;
*)
	echo "$module does not link libpam" >&2
	failed=1
	;;
esac
# Root's code in everybody's login: it looks nobody's home up, and makes or changes no file.
if nm -D --undefined-only "$module" | grep -E ' (getpw|getgr|getenv_home|creat|mkdir|mkstemp|rename|unlink|rmdir|link|symlink|ch(own|mod)|fch(own|mod)|truncate|ftruncate|write|pwrite|fopen|fwrite|system|exec|popen|fork|set(e|re|res)?[ug]id|setfs[ug]id)' >&2; then
	echo "$module calls what it has no business with" >&2
	failed=1
fi
exit $failed

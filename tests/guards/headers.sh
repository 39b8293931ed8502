#!/bin/sh
# Every header compiles alone and has the guard that its path gives.
. "$(dirname "$0")/lib/guard.sh"

headers=$(find lib mod_ximss ximssctl -name '*.h' | sort)
for header in $headers; do
    path=${header#lib/}
    name=$(echo "$path" | tr 'a-z/.-' 'A-Z___')
    case $name in XIMSS*) ;; MOD_XIMSS*) ;; *) name=XIMSS_$name ;; esac
    grep -qE "^#ifndef (XIMSS_)?$name\$" "$header" || echo "$header: guard is not $name"
done | expect_none "header guards come from the path"

if [ -z "${XIMSS_CFLAGS:-}" ]; then
    XIMSS_CFLAGS="$(pkg-config --cflags glib-2.0 sqlite3 libxml-2.0) $(apr-1-config --includes)"
    XIMSS_HTTPD_CFLAGS="-isystem $(apxs -q INCLUDEDIR)"
    export XIMSS_CFLAGS XIMSS_HTTPD_CFLAGS
fi
[ -z "$guard_build" ] || cd "$guard_build"
for header in $headers; do
    printf '%s\n' "$header"
done | xargs -P 2 -I HEADER sh -c '
    ${XIMSS_CC:-cc} -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -x c -D_GNU_SOURCE \
        -I"$0/lib" -I"$0" ${XIMSS_CFLAGS:-} ${XIMSS_HTTPD_CFLAGS:-} -include "$0/HEADER" /dev/null \
        2>&1 | head -3 || true' "$guard_src" >"$guard_tmp/errors"
expect_none "every header compiles alone" <"$guard_tmp/errors"
finish

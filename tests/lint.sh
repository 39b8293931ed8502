#!/bin/sh
# What make lint runs: format, cppcheck, braces, clang-tidy and gcc's analyzer (LINT_DEEP folders only, for time).
# Tools that are not installed are skipped and named.
set -u
src=${XIMSS_SRC:-$(cd "$(dirname "$0")/.." && pwd)}
build=${XIMSS_BUILD:-$src}
cd "$src" || exit 1
flags="-std=gnu11 -D_GNU_SOURCE -I$src/lib -I$src -I$build/gen ${XIMSS_CFLAGS:-}"
deep=${LINT_DEEP:-lib/base}
failed=0

have()
{
    command -v "$1" >/dev/null || { echo "lint: no $1, skipped"; return 1; }
}

step()
{
    name=$1
    shift
    if "$@"; then echo "lint: $name ok"; else echo "lint: $name FAILED"; failed=1; fi
}

sources=$(find lib mod_ximss ximssctl tests -name '*.[ch]' | sort)
if have clang-format; then
    step format clang-format --dry-run -Werror $sources
fi
# arrayIndexThenCheck is wrong about strings, which a NUL ends; returnDanglingLifetime about calls through
# function pointers. The latter is what gcc -Wreturn-local-addr tells.
if have cppcheck; then
    step cppcheck cppcheck --quiet --std=c11 --error-exitcode=1 -j 2 --inline-suppr \
        --enable=warning,portability --suppress=missingInclude --suppress=unknownMacro \
        --suppress=nullPointerArithmetic --suppress=arrayIndexThenCheck --suppress=returnDanglingLifetime \
        -D__GNUC__ -DXIMSS_VERSION='"0"' -DXIMSS_DATA_DIR='"/"' -DXIMSS_COMMAND='"/"' -Ilib -I. lib mod_ximss ximssctl
fi
if have clang-tidy; then
    step clang-tidy clang-tidy --quiet $(find $deep -name '*.c' | sort) -- $flags
fi
for file in $(find $deep -name '*.c' | sort); do
    ${XIMSS_CC:-gcc} -O1 -fanalyzer -Werror $flags -c -o /dev/null "$file" || exit 1
done
echo "lint: analyzer ok"
exit $failed

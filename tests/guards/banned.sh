#!/bin/sh
# Calls and habits that are not wanted, with the reason.
. "$(dirname "$0")/lib/guard.sh"

product_sources | code_lines >"$guard_tmp/product"
find tests bench -name '*.[ch]' | sort | code_lines >"$guard_tmp/tests"

# banned PATTERN WHY: in product and tests.
banned()
{
    grep -hE "(^|[^A-Za-z0-9_])($1) *\(" "$guard_tmp/product" "$guard_tmp/tests" | expect_none "$2"
}

banned 'sprintf|vsprintf|strcpy|strcat|gets|stpcpy' "no write without a bound"
banned 'atoi|atol|atoll' "no number read without a check"
banned 'strtok' "no hidden state between calls"
banned 'system|popen' "no shell"
banned 'setlocale|g_mime_shutdown|xmlCleanupParser|curl_global_cleanup' "no change of what the process shares"
banned 'sqlite3_v?s?n?mprintf|sqlite3_str_appendf' "no SQL built by printf"
banned 'alloca' "no unbounded stack"
grep -E '^[^:]*:[0-9]*:.*//' "$guard_tmp/product" | expect_none "no // comments"
grep -nE 'TODO|FIXME|XXX' $(product_sources) | expect_none "no unfinished marks"
# A pause between two looks at a state is a poll, and says so.
grep -nE '(^|[[:space:]])sleep [0-9.]+[[:space:]]*($|;)' $(find tests -name '*.t') |
    expect_none "no sleep in tests but marked polls (sleep 0.1 # poll)"
finish

#!/bin/sh
# The dispatch table holds exactly the requests of the protocol text (operations.tsv), in the right phases, and
# the extensions that extensions.tsv names; it is sorted as its search needs it.
. "$(dirname "$0")/lib/guard.sh"

awk '/^const ximss_op_t ximss_ops\[\]/ { inside = 1; next }
    inside && /^};/ { exit }
    inside && /^ *\{"/ {
        split($0, field, "\"")
        flags = $0
        sub(/^ *\{"[^"]*", *[a-z_0-9]*, */, "", flags)
        phase = ""
        if (flags ~ /PRELOGIN/) phase = "prelogin"
        if (flags ~ /SESSION/) phase = phase (phase == "" ? "" : " ") "session"
        print (flags ~ /EXTENSION/ ? "extension" : "request") "\t" field[2] "\t" phase
    }' lib/op/ops.c >"$guard_tmp/table"
for kind in request extension; do
    grep "^$kind" "$guard_tmp/table" | cut -f2,3 | sort >"$guard_tmp/code.$kind"
    grep -v '^#' "tests/guards/$([ $kind = request ] && echo operations || echo extensions).tsv" |
        sort >"$guard_tmp/list.$kind"
done
expect_same "requests and phases are those of the protocol" "$guard_tmp/list.request" "$guard_tmp/code.request"
expect_same "extensions are those of the list" "$guard_tmp/list.extension" "$guard_tmp/code.extension"
grep -c . "$guard_tmp/list.request" | grep -vx 56 | expect_none "the protocol has 56 requests"
cut -f2 "$guard_tmp/table" | tr A-Z a-z >"$guard_tmp/order"
sort "$guard_tmp/order" >"$guard_tmp/sorted"
expect_same "the table is sorted, letter case ignored" "$guard_tmp/sorted" "$guard_tmp/order"
finish

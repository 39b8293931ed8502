#!/bin/sh
# Limits of size: function 80 lines, nesting 4, 6 parameters; of the product also file 800 lines, median and
# p90 of functions. lib/size.allow lists signatures that may be longer, with the reason.
. "$(dirname "$0")/lib/guard.sh"

{
    product_sources
    find tests -name '*.[ch]' | sort
} >"$guard_tmp/files"
code_lines <"$guard_tmp/files" | awk -f tests/guards/lib/size.awk >"$guard_tmp/functions"
grep -v '^#' tests/guards/lib/size.allow | awk '{ print $1 }' >"$guard_tmp/allowed"

awk '$3 > 80 { print $1, $2 ": " $3 " lines" }' "$guard_tmp/functions" | expect_none "functions have at most 80 lines"
awk '$4 > 4 { print $1, $2 ": nesting " $4 }' "$guard_tmp/functions" | expect_none "nesting is at most 4"
awk 'NR == FNR { allowed[$1] = 1; next }
    $5 > 6 { file = $1; sub(/:.*/, "", file); if (!((file ":" $2) in allowed)) print $1, $2 ": " $5 " parameters" }' \
    "$guard_tmp/allowed" "$guard_tmp/functions" | expect_none "functions have at most 6 parameters"
product_sources | xargs wc -l | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines" }' |
    expect_none "files have at most 800 lines"
grep -E '^(lib|mod_ximss|ximssctl)/' "$guard_tmp/functions" | sort -k3,3n | awk '
    { lines[NR] = $3; last = $0 }
    END {
        median = lines[int((NR + 1) / 2)]; p90 = lines[int(NR * 0.9 + 0.5)]
        printf "# %d functions, median %d lines, p90 %d, longest: %s\n", NR, median, p90, last
        if (median > 20) print "! median " median " > 20"
        if (p90 > 50) print "! p90 " p90 " > 50"
    }' >"$guard_tmp/summary"
grep '^#' "$guard_tmp/summary" || true
grep '^!' "$guard_tmp/summary" | expect_none "median at most 20 lines, p90 at most 50"
finish

#!/bin/sh
# README.md follows the code: its directive table is that of the reference, and the requests it calls
# supported are the rows of the dispatch table that have a handler.
set -u
LC_ALL=C
export LC_ALL
src=${XIMSS_SRC:-$(dirname "$0")/../..}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count=0

same() {
    count=$((count + 1))
    if diff "$dir/expected" "$dir/found" >"$dir/diff"; then
        echo "ok $count - $1"
    else
        echo "not ok $count - $1"
        sed 's/^/# /' "$dir/diff"
    fi
}

awk -f "$src/lib/tools/directive_table.awk" "$src/conf.d/ximss-reference.conf" >"$dir/expected"
sed -n '/^<!-- directives:/,/^<!-- end of directives/p' "$src/README.md" | sed '1d;$d' >"$dir/found"
same "directive table (lib/tools/directive_table.awk makes it)"

sed -n 's/^    {"\([A-Za-z]*\)", *ximss_op_.*/\1 &/p' "$src/lib/op/ops.c" | grep -v ximss_op_unsupported |
    sed 's/ .*//' | sort >"$dir/expected"
sed -n '/^## What is supported/,/^Every other\|Every other/p' "$src/README.md" | sed 's/Every other.*//' |
    grep -o '`[a-z][A-Za-z]*`' | tr -d '`' | sort -u >"$dir/found"
same "supported requests"
echo "1..$count"

# Shared by the guards: goes to the source folder and prints TAP. Read with: . "$(dirname "$0")/lib/guard.sh"
set -eu
LC_ALL=C
export LC_ALL
guard_src=${XIMSS_SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
guard_build=${XIMSS_BUILD:-}
cd "$guard_src"
guard_tmp=$(mktemp -d)
trap 'rm -rf "$guard_tmp"' EXIT
# In files, for the checks mostly run at the end of a pipe, in a subshell.
echo 0 >"$guard_tmp/count"
echo 0 >"$guard_tmp/failed"

next_number()
{
    guard_count=$(($(cat "$guard_tmp/count") + 1))
    echo "$guard_count" >"$guard_tmp/count"
}

# expect_none NAME: passes when standard input is empty; else its lines are the offenders.
expect_none()
{
    next_number
    cat >"$guard_tmp/offenders"
    if [ -s "$guard_tmp/offenders" ]; then
        echo 1 >"$guard_tmp/failed"
        echo "not ok $guard_count - $1"
        sed 's/^/# /' "$guard_tmp/offenders" | head -50
    else
        echo "ok $guard_count - $1"
    fi
}

# expect_same NAME FILE FILE: passes when both files hold the same lines.
expect_same()
{
    diff "$2" "$3" >"$guard_tmp/difference" || true
    expect_none "$1" <"$guard_tmp/difference"
}

skip()
{
    next_number
    echo "ok $guard_count - $1 # SKIP $2"
}

finish()
{
    echo "1..$(cat "$guard_tmp/count")"
    exit "$(cat "$guard_tmp/failed")"
}

# The sources of the product (not of tests), C and headers.
product_sources()
{
    find lib mod_ximss ximssctl -name '*.[ch]' | sort
}

# The files named on standard input with comments blanked and the contents of strings and character constants
# removed, each line as FILE:LINE:TEXT.
code_lines()
{
    xargs awk -f "$guard_src/tests/guards/lib/code.awk"
}

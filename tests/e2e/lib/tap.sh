# TAP for sh. Source it, call the checks, end with done_testing.
# shellcheck shell=sh

tap_count=0
tap_failed=0

# pass NAME / fail NAME [DETAIL...]: one result.
pass() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1"
}

fail() {
    tap_count=$((tap_count + 1))
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $1"
    shift
    for tap_line in "$@"; do
        printf '%s\n' "$tap_line" | head -n 30 | cut -c 1-1000 | sed 's/^/#   /'
    done
}

# skip NAME WHY
skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

# skip_all WHY: nothing in this file can run here.
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

# ok NAME COMMAND...: the command succeeds.
ok() {
    tap_name=$1
    shift
    if "$@" >/dev/null 2>&1; then
        pass "$tap_name"
    else
        fail "$tap_name" "failed: $*"
    fi
}

# is NAME GOT EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        pass "$1"
    else
        fail "$1" "got:      $2" "expected: $3"
    fi
}

# has NAME TEXT PART... / lacks NAME TEXT PART...: fixed strings that the text holds, or none of them.
has() {
    tap_name=$1
    tap_text=$2
    shift 2
    for tap_part in "$@"; do
        case $tap_text in
        *"$tap_part"*) ;;
        *)
            fail "$tap_name" "not found: $tap_part" "in: $tap_text"
            return
            ;;
        esac
    done
    pass "$tap_name"
}

lacks() {
    tap_name=$1
    tap_text=$2
    shift 2
    for tap_part in "$@"; do
        case $tap_text in
        *"$tap_part"*)
            fail "$tap_name" "found: $tap_part" \
                "in: $(printf '%s\n' "$tap_text" | grep -F -- "$tap_part" | head -n 5)"
            return
            ;;
        esac
    done
    pass "$tap_name"
}

# matches NAME TEXT ERE: a line of the text matches.
matches() {
    if printf '%s\n' "$2" | grep -Eq -- "$3"; then
        pass "$1"
    else
        fail "$1" "no line matches: $3" "in: $2"
    fi
}

# wait_for COMMAND...: tries until it succeeds, ten seconds at most.
wait_for() {
    tap_tries=200
    while ! "$@" >/dev/null 2>&1; do
        tap_tries=$((tap_tries - 1))
        [ $tap_tries -gt 0 ] || return 1
        sleep 0.05
    done
}

done_testing() {
    echo "1..$tap_count"
    [ $tap_failed -eq 0 ]
}

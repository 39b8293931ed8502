#!/bin/sh
# messageAppend: every form of mail that its XML can ask for, judged by a second parser; nothing gets out of its place;
# the examples of the protocol text, where that is there.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

: "${XIMSS_SPEC:=$XIMSS_SRC/../shared/spec/ximss-5.2.txt}"
config='XimssEngine On'
make_account user@example.org password
make_account text@example.org password
httpd_start

# check COUNT ARGUMENTS...: what compose.py says.
check() {
    check_count=$1
    shift
    python3 "$XIMSS_SRC/tests/e2e/lib/compose.py" "$@" >"$root/tmp/checks" 2>"$root/tmp/problems"
    is "the client ends well" "$? $(tail -n 3 "$root/tmp/problems")" '0 '
    while read -r line; do
        case $line in
        'ok '*) pass "${line#ok }" ;;
        *) fail "${line#not ok }" ;;
        esac
    done <"$root/tmp/checks"
    is 'all checks ran' "$(wc -l <"$root/tmp/checks" | tr -d ' ')" "$check_count"
}

check 8 forms "$url" user@example.org password
if [ -e "$XIMSS_SPEC" ]; then
    check 18 examples "$url" text@example.org password "$XIMSS_SPEC"
else
    skip 'the examples of the protocol text' "no $XIMSS_SPEC"
fi
ok 'the store is sound' ctl check
httpd_done

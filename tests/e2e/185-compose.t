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

python_checks 8 compose.py forms "$url" user@example.org password
if [ -e "$XIMSS_SPEC" ]; then
    python_checks 18 compose.py examples "$url" text@example.org password "$XIMSS_SPEC"
else
    skip 'the examples of the protocol text' "no $XIMSS_SPEC"
fi
ok 'the store is sound' ctl check
httpd_done

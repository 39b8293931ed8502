#!/bin/sh
# The examples of the protocol text for messageSubmit and messageRedirect, where that is there: who gets what.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

: "${XIMSS_SPEC:=$XIMSS_SRC/../shared/spec/ximss-5.2.txt}"
[ -e "$XIMSS_SPEC" ] || skip_all "no $XIMSS_SPEC"
config='XimssEngine On'
ctl domain create domain
for name in fromName toName bccName ccName a1 a2; do
    make_account $name@domain password
done
httpd_start
python_checks 19 submit.py "$url" password "$XIMSS_SPEC"
is 'nothing waits' "$(ctl queue list)" ''
ok 'the stores are sound' ctl check
httpd_done

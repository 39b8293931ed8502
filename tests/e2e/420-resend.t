#!/bin/sh
# Real and hostile mail redirected and forwarded to accounts here: its bytes are below the new fields, and inside the
# new message. Every fifth one, or every XIMSS_EVERY-th. Skips where the corpora are not there.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

: "${XIMSS_CORPORA:=$XIMSS_SRC/../shared/corpora}"
[ -e "$XIMSS_CORPORA/MANIFEST.tsv" ] || skip_all "no corpora at $XIMSS_CORPORA"

resend() {
    python3 "$XIMSS_SRC/tests/e2e/lib/resend.py" "$@"
}
out() {
    ctl export "$1" INBOX --to "$root/tmp/$1" --format eml >/dev/null
}
staged=$root/tmp/staged
mkdir "$staged"
ok 'the corpora are staged' python3 "$XIMSS_SRC/tests/e2e/lib/corpora.py" stage "$XIMSS_CORPORA" "$staged"
rm -rf "$staged/mbox"
find "$staged" -type f | sort | awk -v every="${XIMSS_EVERY:-5}" 'NR % every' | xargs rm -f
for name in user redirected forwarded; do
    make_account $name@example.org password
done
import user@example.org INBOX "$staged"
out user@example.org
count=$(find "$root/tmp/user@example.org" -name '*.eml' | wc -l)
ok 'there are messages' [ "$count" -gt 400 ]
config='XimssEngine On
XimssMaxSubmissions 1000000'
httpd_start
is 'all are taken' "$(resend send "$url" user@example.org password "$count" redirected@example.org forwarded@example.org)" ''
is 'nothing waits' "$(ctl queue list)" ''
out redirected@example.org
out forwarded@example.org
is 'redirected, each is whole' "$(resend redirected "$root/tmp/user@example.org" "$root/tmp/redirected@example.org")" ''
is 'forwarded, too' "$(resend forwarded "$root/tmp/user@example.org" "$root/tmp/forwarded@example.org")" ''
ok 'the stores are sound' ctl check
httpd_done

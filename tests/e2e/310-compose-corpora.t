#!/bin/sh
# Every message of the corpora, copied into a new one: the same bytes, the same tree, safe for any transport. Skips where
# the corpora are not there.
# shellcheck disable=SC2154
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/httpd.sh"
. "$(dirname "$0")/lib/ximss.sh"

: "${XIMSS_CORPORA:=$XIMSS_SRC/../shared/corpora}"
[ -e "$XIMSS_CORPORA/MANIFEST.tsv" ] || skip_all "no corpora at $XIMSS_CORPORA"

staged=$root/tmp/staged
mkdir "$staged"
ok 'the corpora are staged' python3 "$XIMSS_SRC/tests/e2e/lib/corpora.py" stage "$XIMSS_CORPORA" "$staged"
make_account user@example.org password
for folder in "$staged"/*/; do
    folder=${folder%/}
    [ "${folder##*/}" = mbox ] || import user@example.org "${folder##*/}" "$folder"
done
config='XimssEngine On'
httpd_start
python_checks 3 compose.py corpora "$url" "$staged" user@example.org password
ok 'the store is sound' ctl check user@example.org
httpd_done

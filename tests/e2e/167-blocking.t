#!/bin/sh
# The module as an httpd before 2.4.63 gives it, which cannot park: everything of 030-poll.t blocks, whatever XimssAsync says,
# and On is answered by a warning.
# shellcheck disable=SC2154
here=$(dirname "$0")
. "$here/lib/tap.sh"
XIMSS_MODULE=${XIMSS_BUILD:-$PWD}/blocking/mod_ximss.so
[ -e "$XIMSS_MODULE" ] || skip_all 'no module without parking (make blocking/mod_ximss.so)'
export XIMSS_MODULE XIMSS_ASYNC=On
exec "$here/030-poll.t"
